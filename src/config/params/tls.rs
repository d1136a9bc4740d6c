//! TLS: settings that only describe it are kept and answered; the port that would need it is refused while there is none.

use super::{INT_MAX, boolean, choice, int, optional};
use crate::config::param::{Flags, Param, field};

pub(super) static PARAMS: &[Param] = &[
    int("tls-port", field!(tls_port), 0, 65535, "0").absent("TLS"),
    optional("tls-cert-file", field!(tls_cert_file)),
    optional("tls-key-file", field!(tls_key_file)),
    optional("tls-key-file-pass", field!(tls_key_file_pass)).flag(Flags::SENSITIVE),
    optional("tls-client-cert-file", field!(tls_client_cert_file)),
    optional("tls-client-key-file", field!(tls_client_key_file)),
    optional("tls-client-key-file-pass", field!(tls_client_key_file_pass)).flag(Flags::SENSITIVE),
    optional("tls-dh-params-file", field!(tls_dh_params_file)),
    optional("tls-ca-cert-file", field!(tls_ca_cert_file)),
    optional("tls-ca-cert-dir", field!(tls_ca_cert_dir)),
    choice("tls-auth-clients", field!(tls_auth_clients), "yes"),
    boolean("tls-replication", field!(tls_replication), "no"),
    boolean("tls-cluster", field!(tls_cluster), "no"),
    optional("tls-protocols", field!(tls_protocols)),
    optional("tls-ciphers", field!(tls_ciphers)),
    optional("tls-ciphersuites", field!(tls_ciphersuites)),
    boolean("tls-prefer-server-ciphers", field!(tls_prefer_server_ciphers), "no"),
    boolean("tls-session-caching", field!(tls_session_caching), "yes"),
    int("tls-session-cache-size", field!(tls_session_cache_size), 0, INT_MAX, "20480"),
    int("tls-session-cache-timeout", field!(tls_session_cache_timeout_s), 0, INT_MAX, "300"),
];
