//! Parameters that are lists of words or numbers.

use super::{joined, loose_integer, or_quotes};
use crate::config::fields::Config;
use crate::config::param::{Source, Special};
use crate::config::values::{SavePoint, Text};
use crate::util::{float, quote};

/// More addresses than this are refused.
const BIND_MAX: usize = 16;

/// `oom-score-adj-values` stay within what the kernel's range can make use of.
const OOM_RANGE: std::ops::RangeInclusive<i64> = -2000..=2000;

/// `bind address…`; one empty word means no address at all.
pub static BIND: Special = Special {
    parse: |config, words, _| {
        if words.len() > BIND_MAX {
            return Err("Too many bind addresses specified.".into());
        }
        config.bind = match words {
            [b""] => Vec::new(),
            words => words.iter().map(|word| word.to_vec()).collect(),
        };
        Ok(())
    },
    show: |config| joined(&config.bind),
    lines: |config| {
        let words: Vec<Text> = config
            .bind
            .iter()
            .map(|address| if quote::needs_repr(address) { quote::repr(address) } else { address.clone() })
            .collect();
        vec![or_quotes(joined(&words))]
    },
};

/// `save seconds changes…`; one empty word means no points. In a file each line adds points, the first one forgets the
/// default.
pub static SAVE: Special = Special {
    parse: |config, words, source| {
        if let [b""] = words {
            config.save.clear();
            return Ok(());
        }
        if words.len() % 2 != 0 {
            return Err("Invalid save parameters".into());
        }
        let points = words.chunks_exact(2).map(save_point).collect::<Option<Vec<_>>>().ok_or("Invalid save parameters")?;
        if source != (Source::File { first: false }) {
            config.save.clear();
        }
        config.save.extend(points);
        Ok(())
    },
    show: |config| joined(&config.save.iter().map(save_text).collect::<Vec<_>>()),
    lines: |config| match &config.save[..] {
        [] => vec![b"\"\"".to_vec()],
        points => points.iter().map(|point| save_text(point).into()).collect(),
    },
};

fn save_point(pair: &[&[u8]]) -> Option<SavePoint> {
    let number = |word: &[u8]| loose_integer(word).filter(|_| !word.is_empty());
    let seconds = u64::try_from(number(pair[0])?).ok().filter(|seconds| *seconds >= 1)?;
    let changes = number(pair[1])?.try_into().ok()?;
    Some(SavePoint { seconds, changes })
}

fn save_text(point: &SavePoint) -> String {
    format!("{} {}", point.seconds, point.changes)
}

/// `oom-score-adj-values primary replica child`.
pub static OOM_SCORE_ADJ_VALUES: Special = Special {
    parse: |config, words, _| {
        let words: [&[u8]; 3] = words.try_into().map_err(|_| "wrong number of arguments")?;
        let mut values = [0; 3];
        for (value, word) in values.iter_mut().zip(words) {
            *value = loose_integer(word)
                .filter(|value| OOM_RANGE.contains(value))
                .and_then(|value| i32::try_from(value).ok())
                .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?;
        }
        config.oom_score_adj_values = values;
        Ok(())
    },
    show: oom_text,
    lines: |config| vec![oom_text(config)],
};

fn oom_text(config: &Config) -> Text {
    joined(&config.oom_score_adj_values.map(|value| value.to_string()))
}

/// `latency-tracking-info-percentiles percentile…`; one empty word means none.
pub static PERCENTILES: Special = Special {
    parse: |config, words, _| {
        let words = if let [b""] = words { &[] } else { words };
        let mut percentiles = Vec::with_capacity(words.len());
        for word in words {
            let percentile = float::parse_f64(word).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if !(0.0..=100.0).contains(&percentile) {
                return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
            }
            percentiles.push(percentile);
        }
        config.latency_tracking_info_percentiles = percentiles;
        Ok(())
    },
    show: percentiles_text,
    lines: |config| vec![or_quotes(percentiles_text(config))],
};

fn percentiles_text(config: &Config) -> Text {
    let texts: Vec<Text> = config.latency_tracking_info_percentiles.iter().map(|percentile| short_decimal(*percentile)).collect();
    joined(&texts)
}

/// Six decimals, without the zeros at the end: how INFO and CONFIG GET print a percentile.
pub fn short_decimal(value: f64) -> Text {
    let mut text = Vec::new();
    float::write_fixed(&mut text, value, 6);
    let kept = text.iter().rposition(|byte| *byte != b'0').map_or(0, |at| if text[at] == b'.' { at } else { at + 1 });
    text.truncate(kept);
    text
}

/// `replicaof host port`, or `replicaof no one`.
pub static REPLICAOF: Special = Special {
    parse: |config, words, source| {
        let (host, port) = match words {
            // The default; a file has no way to write it but "no one".
            [b""] if source == Source::Set => {
                config.replicaof = None;
                return Ok(());
            }
            [host, port] => (*host, *port),
            _ => return Err("wrong number of arguments".into()),
        };
        if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
            config.replicaof = None;
            return Ok(());
        }
        let port = loose_integer(port).and_then(|port| u16::try_from(port).ok()).ok_or("Invalid master port")?;
        config.replicaof = Some((host.to_vec(), port));
        Ok(())
    },
    show: replicaof_text,
    lines: |config| match &config.replicaof {
        Some((host, port)) => vec![joined(&[quote::repr(host), port.to_string().into()])],
        None => Vec::new(),
    },
};

fn replicaof_text(config: &Config) -> Text {
    config.replicaof.as_ref().map_or_else(Vec::new, |(host, port)| joined(&[host.clone(), port.to_string().into()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(special: &Special, words: &[&str], source: Source) -> Result<String, String> {
        let mut config = Config::default();
        set(&mut config, special, words, source)?;
        Ok(String::from_utf8((special.show)(&config)).unwrap())
    }

    fn set(config: &mut Config, special: &Special, words: &[&str], source: Source) -> Result<(), String> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        (special.parse)(config, &words, source)
    }

    #[test]
    fn bind_takes_up_to_sixteen_addresses() {
        assert_eq!(parse(&BIND, &["127.0.0.1", "-::1"], Source::Set).unwrap(), "127.0.0.1 -::1");
        assert_eq!(parse(&BIND, &[""], Source::Set).unwrap(), "");
        assert_eq!(parse(&BIND, &["a"; 16], Source::Set).unwrap().len(), 31);
        assert_eq!(parse(&BIND, &["a"; 17], Source::Set).unwrap_err(), "Too many bind addresses specified.");
        let mut config = Config::default();
        set(&mut config, &BIND, &["a b"], Source::Set).unwrap();
        assert_eq!((BIND.lines)(&config), [b"\"a b\""]);
    }

    #[test]
    fn save_points_add_up_in_a_file_and_replace_by_command() {
        let mut config = Config::default();
        set(&mut config, &SAVE, &["900", "1"], Source::File { first: true }).unwrap();
        set(&mut config, &SAVE, &["+300", "010"], Source::File { first: false }).unwrap();
        assert_eq!((SAVE.show)(&config), b"900 1 300 10");
        assert_eq!((SAVE.lines)(&config), [&b"900 1"[..], b"300 10"]);
        set(&mut config, &SAVE, &["5", "0"], Source::Set).unwrap();
        assert_eq!((SAVE.show)(&config), b"5 0");
        set(&mut config, &SAVE, &[""], Source::File { first: false }).unwrap();
        assert_eq!((SAVE.lines)(&config), [b"\"\""]);
        for words in
            [&["1"][..], &["0", "1"], &["-1", "1"], &["1", "-1"], &["1", "1x"], &["", ""], &["1", "99999999999"], &["", "1", "2"]]
        {
            assert_eq!(parse(&SAVE, words, Source::Set).unwrap_err(), "Invalid save parameters", "{words:?}");
        }
    }

    #[test]
    fn oom_values_are_three() {
        assert_eq!(parse(&OOM_SCORE_ADJ_VALUES, &["-2000", "", "2000"], Source::Set).unwrap(), "-2000 0 2000");
        assert_eq!(parse(&OOM_SCORE_ADJ_VALUES, &["1", "2"], Source::Set).unwrap_err(), "wrong number of arguments");
        for word in ["2001", "-2001", "x", "1.5", "99999999999999999999"] {
            assert_eq!(
                parse(&OOM_SCORE_ADJ_VALUES, &["0", word, "0"], Source::Set).unwrap_err(),
                "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
                "{word}"
            );
        }
    }

    #[test]
    fn percentiles_are_shown_short() {
        for (words, shown) in [
            (&["50", "99", "99.9"][..], "50 99 99.9"),
            (&["99.90", "50.0", "1e1"], "99.9 50 10"),
            (&["33.333333333333333333333"], "33.333333"),
            (&["0.0000001", "99.99999999999999"], "0 100"),
            (&[""], ""),
            (&[], ""),
        ] {
            assert_eq!(parse(&PERCENTILES, words, Source::Set).unwrap(), shown);
        }
        for word in ["abc", "10%", "nan", "1kb"] {
            assert_eq!(
                parse(&PERCENTILES, &[word], Source::Set).unwrap_err(),
                "Invalid latency-tracking-info-percentiles parameters"
            );
        }
        for word in ["101", "-1", "inf", "100.0000001"] {
            assert_eq!(
                parse(&PERCENTILES, &[word], Source::Set).unwrap_err(),
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
            );
        }
    }

    #[test]
    fn replicaof_checks_the_port() {
        assert_eq!(parse(&REPLICAOF, &["h", "6379"], Source::Set).unwrap(), "h 6379");
        assert_eq!(parse(&REPLICAOF, &["NO", "one"], Source::Set).unwrap(), "");
        assert_eq!(parse(&REPLICAOF, &["h", "abc"], Source::Set).unwrap_err(), "Invalid master port");
        assert_eq!(parse(&REPLICAOF, &["h", "65536"], Source::Set).unwrap_err(), "Invalid master port");
        assert_eq!(parse(&REPLICAOF, &["h"], Source::Set).unwrap_err(), "wrong number of arguments");
    }
}
