//! `client-output-buffer-limit class hard soft seconds`, any number of classes in one value.

use super::loose_integer;
use crate::config::fields::Config;
use crate::config::param::{Special, with_unit};
use crate::config::values::{OutputLimit, Text};
use crate::util::units;

/// Classes that are not named keep their limits.
pub static OUTPUT_LIMITS: Special = Special {
    parse: |config, words, _| {
        let groups = words.chunks_exact(4);
        if !groups.remainder().is_empty() {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        let mut limits = config.client_output_buffer_limit;
        for group in groups {
            let slot = match group[0].to_ascii_lowercase().as_slice() {
                b"normal" => &mut limits.normal,
                b"replica" | b"slave" => &mut limits.replica,
                b"pubsub" => &mut limits.pubsub,
                _ => {
                    return Err("Invalid client class specified in buffer limit configuration.".into());
                }
            };
            *slot = limit(group).ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        }
        config.client_output_buffer_limit = limits;
        Ok(())
    },
    show: |config| {
        let [normal, replica, pubsub] = classes(config).map(|(_, limit)| bytes_text(limit));
        format!("normal {normal} slave {replica} pubsub {pubsub}").into()
    },
    lines: |config| classes(config).map(|(name, limit)| line(name, limit)).to_vec(),
};

fn limit(group: &[&[u8]]) -> Option<OutputLimit> {
    Some(OutputLimit {
        hard_bytes: units::parse_memory(group[1])?,
        soft_bytes: units::parse_memory(group[2])?,
        soft_s: loose_integer(group[3])?.try_into().ok()?,
    })
}

fn classes(config: &Config) -> [(&'static str, OutputLimit); 3] {
    let limits = &config.client_output_buffer_limit;
    [("normal", limits.normal), ("replica", limits.replica), ("pubsub", limits.pubsub)]
}

fn bytes_text(limit: OutputLimit) -> String {
    format!("{} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_s)
}

fn line(name: &str, limit: OutputLimit) -> Text {
    let seconds = limit.soft_s.to_string();
    [name.as_bytes(), &with_unit(limit.hard_bytes), &with_unit(limit.soft_bytes), seconds.as_bytes()].join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::param::Source;

    fn set(config: &mut Config, text: &str) -> Result<(), String> {
        let words: Vec<&[u8]> = text.split(' ').filter(|word| !text.is_empty() || !word.is_empty()).map(str::as_bytes).collect();
        (OUTPUT_LIMITS.parse)(config, &words, Source::Set)
    }

    #[test]
    fn classes_not_named_keep_their_limits() {
        let mut config = Config::default();
        let start = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        assert_eq!((OUTPUT_LIMITS.show)(&config), start.as_bytes());
        set(&mut config, "").unwrap();
        set(&mut config, "REPLICA 1mb 2kb 3 pubsub 5 6 7").unwrap();
        set(&mut config, "normal kb  0").unwrap();
        assert_eq!((OUTPUT_LIMITS.show)(&config), b"normal 0 0 0 slave 1048576 2048 3 pubsub 5 6 7");
        assert_eq!((OUTPUT_LIMITS.lines)(&config), [&b"normal 0 0 0"[..], b"replica 1mb 2kb 3", b"pubsub 5 6 7"]);
    }

    #[test]
    fn bad_groups_are_refused_whole() {
        for (text, error) in [
            ("normal 0 0", "Wrong number of arguments in buffer limit configuration."),
            ("normal 0 0 0 pubsub 1 2", "Wrong number of arguments in buffer limit configuration."),
            ("master 0 0 0", "Invalid client class specified in buffer limit configuration."),
            ("normal 1 1 1 foo 0 0 0", "Invalid client class specified in buffer limit configuration."),
            ("normal -1 0 0", "Error in hard, soft or soft_seconds setting in buffer limit configuration."),
            ("normal 0 10% 0", "Error in hard, soft or soft_seconds setting in buffer limit configuration."),
            ("normal 0 0 -1", "Error in hard, soft or soft_seconds setting in buffer limit configuration."),
            ("normal 0 0 1x", "Error in hard, soft or soft_seconds setting in buffer limit configuration."),
        ] {
            let mut config = Config::default();
            assert_eq!(set(&mut config, text).unwrap_err(), error, "{text}");
            assert_eq!(config, Config::default());
        }
    }
}
