//! Parameters that are sets: letters of `notify-keyspace-events`, words of `shutdown-on-sigint` and `shutdown-on-sigterm`.

use super::joined;
use crate::config::fields::Config;
use crate::config::param::{Field, Special, field, one_of};
use crate::config::values::{KeyspaceEvents, ShutdownFlags, Text};

/// Every class with its letter, in the order CONFIG GET lists them.
const CLASSES: [(u8, KeyspaceEvents); 11] = [
    (b'g', KeyspaceEvents::GENERIC),
    (b'$', KeyspaceEvents::STRING),
    (b'l', KeyspaceEvents::LIST),
    (b's', KeyspaceEvents::SET),
    (b'h', KeyspaceEvents::HASH),
    (b'z', KeyspaceEvents::ZSET),
    (b'x', KeyspaceEvents::EXPIRED),
    (b'e', KeyspaceEvents::EVICTED),
    (b't', KeyspaceEvents::STREAM),
    (b'd', KeyspaceEvents::MODULE),
    (b'n', KeyspaceEvents::NEW),
];

/// What follows the classes.
const PLACES: [(u8, KeyspaceEvents); 3] =
    [(b'K', KeyspaceEvents::KEYSPACE), (b'E', KeyspaceEvents::KEYEVENT), (b'm', KeyspaceEvents::KEY_MISS)];

impl KeyspaceEvents {
    /// Reads the letters; `None` when one of them has no meaning.
    pub fn from_letters(letters: &[u8]) -> Option<KeyspaceEvents> {
        let mut events = KeyspaceEvents::empty();
        for letter in letters {
            events |= match letter {
                b'A' => KeyspaceEvents::ALL,
                letter => CLASSES.iter().chain(&PLACES).find(|(own, _)| own == letter)?.1,
            };
        }
        Some(events)
    }

    /// The letters as CONFIG GET answers them. Behind an `A` upstream does not mention `n`, so neither does this.
    pub fn letters(self) -> Text {
        let mut letters = self.all_letters();
        if letters.first() == Some(&b'A') {
            letters.retain(|letter| *letter != b'n');
        }
        letters
    }

    /// Every letter that is set, so that reading them back gives the same events.
    pub fn all_letters(self) -> Text {
        let mut letters = Vec::new();
        let mut left = self;
        if self.contains(KeyspaceEvents::ALL) {
            letters.push(b'A');
            left -= KeyspaceEvents::ALL;
        }
        letters.extend(CLASSES.iter().chain(&PLACES).filter(|(_, class)| left.contains(*class)).map(|(letter, _)| *letter));
        letters
    }
}

/// `notify-keyspace-events letters`.
pub static KEYSPACE_EVENTS: Special = Special {
    parse: |config, words, _| {
        let [letters] = words else {
            return Err("wrong number of arguments".into());
        };
        config.notify_keyspace_events =
            KeyspaceEvents::from_letters(letters).ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
        Ok(())
    },
    show: |config| config.notify_keyspace_events.letters(),
    lines: |config| vec![[b"\"", &config.notify_keyspace_events.all_letters()[..], b"\""].concat()],
};

/// The modifiers by name, in the order they are listed and shown.
const MODIFIERS: [(&str, ShutdownFlags); 5] = [
    ("default", ShutdownFlags::empty()),
    ("save", ShutdownFlags::SAVE),
    ("nosave", ShutdownFlags::NOSAVE),
    ("now", ShutdownFlags::NOW),
    ("force", ShutdownFlags::FORCE),
];

/// `shutdown-on-sigint modifier…`.
pub static SHUTDOWN_ON_SIGINT: Special = Special {
    parse: |config, words, _| parse_modifiers(field!(shutdown_on_sigint), config, words),
    show: |config| modifiers_text(config.shutdown_on_sigint),
    lines: |config| vec![modifiers_text(config.shutdown_on_sigint)],
};

/// `shutdown-on-sigterm modifier…`.
pub static SHUTDOWN_ON_SIGTERM: Special = Special {
    parse: |config, words, _| parse_modifiers(field!(shutdown_on_sigterm), config, words),
    show: |config| modifiers_text(config.shutdown_on_sigterm),
    lines: |config| vec![modifiers_text(config.shutdown_on_sigterm)],
};

fn parse_modifiers(field: &Field<ShutdownFlags>, config: &mut Config, words: &[&[u8]]) -> Result<(), String> {
    let unknown = || one_of(&MODIFIERS.map(|(name, _)| name));
    if words.is_empty() {
        return Err(unknown());
    }
    let mut flags = ShutdownFlags::empty();
    for word in words {
        let modifier = MODIFIERS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
        flags |= modifier.ok_or_else(unknown)?.1;
    }
    if flags.contains(ShutdownFlags::SAVE | ShutdownFlags::NOSAVE) {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    *(field.get_mut)(config) = flags;
    Ok(())
}

fn modifiers_text(flags: ShutdownFlags) -> Text {
    let set: Vec<&str> = MODIFIERS[1..].iter().filter(|(_, flag)| flags.contains(*flag)).map(|(name, _)| *name).collect();
    if set.is_empty() { MODIFIERS[0].0.into() } else { joined(&set) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::param::Source;

    #[test]
    fn event_letters_have_an_order() {
        for (typed, shown) in [
            ("KEA", "AKE"),
            ("g$lshzxetd", "A"),
            ("mKn", "nKm"),
            ("KEg", "gKE"),
            ("hzs", "shz"),
            ("nmd", "dnm"),
            ("gEx", "gxE"),
            ("KEAmn", "AKEm"),
            ("", ""),
        ] {
            assert_eq!(KeyspaceEvents::from_letters(typed.as_bytes()).unwrap().letters(), shown.as_bytes(), "{typed}");
        }
        assert_eq!(KeyspaceEvents::from_letters(b"KEo"), None);
    }

    #[test]
    fn no_event_is_lost_in_a_rewrite() {
        for bits in 0..1 << 14 {
            let events = KeyspaceEvents::from_bits_retain(bits);
            assert_eq!(KeyspaceEvents::from_letters(&events.all_letters()), Some(events));
        }
    }

    #[test]
    fn modifiers_combine() {
        let set = |text: &str| {
            let mut config = Config::default();
            let words: Vec<&[u8]> = text.split_ascii_whitespace().map(str::as_bytes).collect();
            (SHUTDOWN_ON_SIGINT.parse)(&mut config, &words, Source::Set)?;
            Ok(String::from_utf8((SHUTDOWN_ON_SIGINT.show)(&config)).unwrap())
        };
        for (typed, shown) in
            [("nosave force now", "nosave now force"), ("NOW save", "save now"), ("default", "default"), ("default now", "now")]
        {
            assert_eq!(set(typed), Ok(shown.to_string()));
        }
        let unknown: Result<String, String> =
            Err("argument(s) must be one of the following: default, save, nosave, now, force".into());
        assert_eq!(set(""), unknown);
        assert_eq!(set("now later"), unknown);
        assert_eq!(set("save nosave").unwrap_err(), "shutdown options SAVE and NOSAVE can't be used simultaneously");
    }
}
