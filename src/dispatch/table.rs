//! The command table: every command there is, under the names it answers to.
//!
//! Built once at start from the families' declarations (and `rename-command`), then never changed; it lives as long
//! as the process. A command's place in it is its id, by which statistics and ACLs know it. Lookup is one probe of
//! an open-addressed index on the folded name.

use super::command::{Command, Handler};
use super::flags::{Categories, Flag, Flags};
use super::keyspec::{Begin, Find, Keys, Use};
use crate::resp::Args;

/// A command in the table: its declaration and what follows from it.
pub struct Cmd {
    /// Its place in the table.
    pub id: u16,
    pub spec: &'static Command,
    /// `get`, `config|set`: small letters, as ACL, INFO and errors show it.
    pub full_name: String,
    pub flags: Flags,
    pub categories: Categories,
    /// The container, for a subcommand.
    pub parent: Option<u16>,
    /// Ids of its subcommands.
    pub subcommands: Vec<u16>,
    /// Its handler as crash reports call it: `getCommand`, `configSetCommand`.
    pub activity: String,
    /// Index of the first key, where it is the same in every request; 0: none, or it is not.
    pub first_key: usize,
    /// First and last key and the step between keys, as far as three numbers can say it: COMMAND INFO's old fields.
    pub key_range: (i32, i32, i32),
}

/// All commands.
pub struct CommandTable {
    commands: Vec<Cmd>,
    /// Open-addressed: id + 1, or 0.
    index: Vec<u16>,
    /// Names of the top-level commands, in small letters, by id; empty for those that were renamed away.
    names: Vec<Vec<u8>>,
}

/// A name that `rename-command` gives: the command's own name, and the new one (empty: none).
pub type Rename = (String, String);

/// Why a table could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("No such command in rename-command")]
    NoSuchCommand,
    #[error("Target command name already exists")]
    NameTaken,
}

/// What three numbers can say of key specs, and whether they leave something out (`movablekeys`).
///
/// One range at a fixed place says everything; several count as one range while each begins where the one before ended.
fn legacy_range(specs: &[Keys]) -> (bool, (i32, i32, i32)) {
    if let [Keys { begin: Begin::Index(first), find: Find::Range { last, step, .. }, uses, .. }] = specs {
        let last = if *last >= 0 { first + last } else { *last };
        return (uses.has(Use::Incomplete), (*first, last, *step));
    }
    let mut movable = false;
    let mut range: Option<(i32, i32)> = None;
    for spec in specs {
        movable |= spec.uses.has(Use::Incomplete);
        let (Begin::Index(begin), Find::Range { last, step: 1, .. }) = (spec.begin, spec.find) else {
            movable = true;
            continue;
        };
        let last = if last >= 0 { begin + last } else { last };
        match range {
            Some((_, before)) if before != begin - 1 => movable = true,
            Some((first, _)) => range = Some((first, last)),
            None => range = Some((begin, last)),
        }
    }
    (movable, range.map_or((0, 0, 0), |(first, last)| (first, last, 1)))
}

#[inline]
fn fold(name: &[u8]) -> u64 {
    // Eight bytes from each end, case bit set, mixed by multiplication: enough to tell command names apart.
    let mut head = [0u8; 8];
    let mut tail = [0u8; 8];
    let n = name.len().min(8);
    head[..n].copy_from_slice(&name[..n]);
    tail[..n].copy_from_slice(&name[name.len() - n..]);
    let case = 0x2020_2020_2020_2020u64;
    let head = u64::from_le_bytes(head) | case;
    let tail = u64::from_le_bytes(tail) | case;
    let mixed = (head ^ tail.rotate_left(29) ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

impl CommandTable {
    /// A table of these top-level commands and their subcommands.
    ///
    /// # Errors
    /// [`TableError`] when a rename names no command, or gives a name that is taken.
    pub fn new(families: &[&[&'static Command]], renames: &[Rename]) -> Result<CommandTable, TableError> {
        let mut table = CommandTable { commands: Vec::new(), index: vec![0; 2048], names: Vec::new() };
        let mut tops = Vec::new();
        for spec in families.iter().copied().flatten().copied() {
            tops.push((table.push(spec, None), spec.name.to_ascii_lowercase().into_bytes()));
        }
        for (from, to) in renames {
            let from = from.to_ascii_lowercase().into_bytes();
            let to = to.to_ascii_lowercase().into_bytes();
            let at = tops.iter().position(|(_, name)| *name == from).ok_or(TableError::NoSuchCommand)?;
            if !to.is_empty() && tops.iter().any(|(_, name)| *name == to) {
                return Err(TableError::NameTaken);
            }
            tops[at].1 = to;
        }
        table.names = vec![Vec::new(); table.commands.len()];
        for (id, name) in tops {
            if !name.is_empty() {
                table.enter(id, &name);
            }
            table.names[id as usize] = name;
        }
        Ok(table)
    }

    fn push(&mut self, spec: &'static Command, parent: Option<u16>) -> u16 {
        let id = self.commands.len() as u16;
        let own = spec.name.to_ascii_lowercase();
        let full_name = match parent {
            Some(parent) => format!("{}|{own}", self.commands[parent as usize].full_name),
            None => own,
        };
        let (movable, key_range) = legacy_range(spec.keys);
        let mut words = full_name.split(['|', '-']);
        let mut activity = words.next().unwrap_or_default().to_string();
        for word in words.chain(["command"]) {
            activity.push_str(&word[..1].to_ascii_uppercase());
            activity.push_str(&word[1..]);
        }
        self.commands.push(Cmd {
            id,
            spec,
            activity,
            full_name,
            flags: if movable { spec.flags.with(Flag::MovableKeys) } else { spec.flags },
            categories: spec.all_categories(),
            parent,
            subcommands: Vec::new(),
            key_range,
            first_key: match spec.keys.first() {
                Some(Keys { begin: Begin::Index(at), find: Find::Range { .. }, .. }) => *at as usize,
                _ => 0,
            },
        });
        let subcommands = spec.subcommands.iter().map(|sub| self.push(sub, Some(id))).collect();
        self.commands[id as usize].subcommands = subcommands;
        id
    }

    fn enter(&mut self, id: u16, name: &[u8]) {
        let mask = self.index.len() - 1;
        let mut slot = fold(name) as usize & mask;
        while self.index[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.index[slot] = id + 1;
    }

    /// The top-level command of this name, whatever its case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&Cmd> {
        let mask = self.index.len() - 1;
        let mut slot = fold(name) as usize & mask;
        loop {
            let id = self.index[slot].checked_sub(1)? as usize;
            if self.names[id].eq_ignore_ascii_case(name) {
                return Some(&self.commands[id]);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The subcommand of `container` of this name.
    pub fn find_sub(&self, container: &Cmd, name: &[u8]) -> Option<&Cmd> {
        container
            .subcommands
            .iter()
            .map(|&id| &self.commands[id as usize])
            .find(|cmd| cmd.spec.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The command or subcommand that a request is for: the container itself if its subcommand is not known.
    #[inline]
    pub fn resolve(&self, args: Args<'_>) -> Option<&Cmd> {
        let cmd = self.find(args.get(0)?)?;
        if cmd.subcommands.is_empty() || args.len() < 2 {
            return Some(cmd);
        }
        Some(self.find_sub(cmd, args.at(1)).unwrap_or(cmd))
    }

    /// The command of a full name such as `config|set` (its own name, not one it was given).
    pub fn by_full_name(&self, name: &str) -> Option<&Cmd> {
        self.commands.iter().find(|cmd| cmd.full_name.eq_ignore_ascii_case(name))
    }

    /// The command with this id.
    #[inline]
    pub fn get(&self, id: u16) -> &Cmd {
        &self.commands[id as usize]
    }

    /// Number of commands and subcommands.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// All commands and subcommands.
    pub fn iter(&self) -> impl Iterator<Item = &Cmd> {
        self.commands.iter()
    }

    /// The top-level commands that have a name.
    pub fn top_level(&self) -> impl Iterator<Item = &Cmd> {
        self.commands.iter().filter(|cmd| cmd.parent.is_none() && !self.names[cmd.id as usize].is_empty())
    }

    /// The name a top-level command answers to.
    pub fn name_of(&self, cmd: &Cmd) -> &[u8] {
        &self.names[cmd.id as usize]
    }
}

impl Cmd {
    /// Whether it is only the way to its subcommands.
    pub fn is_container(&self) -> bool {
        matches!(self.spec.handler, Handler::Container)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands;
    use crate::resp::OwnedArgs;

    fn table() -> CommandTable {
        CommandTable::new(commands::FAMILIES, &[]).unwrap()
    }

    #[test]
    fn finds_by_any_case_and_by_subcommand() {
        let table = table();
        assert_eq!(table.find(b"GeT").unwrap().full_name, "get");
        assert!(table.find(b"nope").is_none() && table.find(b"").is_none());
        for cmd in table.top_level() {
            assert_eq!(table.find(cmd.spec.name.as_bytes()).unwrap().id, cmd.id);
        }
        let args: OwnedArgs = ["client", "id"].into_iter().collect();
        assert_eq!(table.resolve(args.view()).unwrap().full_name, "client|id");
    }

    #[test]
    fn renamed_commands_answer_to_the_new_name_only() {
        let renames = [("GET".to_string(), "fetch".to_string()), ("SET".to_string(), String::new())];
        let table = CommandTable::new(commands::FAMILIES, &renames).unwrap();
        assert_eq!(table.find(b"FETCH").unwrap().full_name, "get");
        assert!(table.find(b"get").is_none() && table.find(b"set").is_none());
        let bad = CommandTable::new(commands::FAMILIES, &[("nope".into(), "x".into())]);
        assert_eq!(bad.err(), Some(TableError::NoSuchCommand));
        let taken = CommandTable::new(commands::FAMILIES, &[("get".into(), "set".into())]);
        assert_eq!(taken.err(), Some(TableError::NameTaken));
    }

    #[test]
    fn declarations_make_sense() {
        let table = table();
        let mut seen = hashbrown::HashSet::new();
        for cmd in table.iter() {
            let name = &cmd.full_name;
            assert!(seen.insert(name.clone()), "{name} is there twice");
            assert!(cmd.spec.name.chars().all(|c| c.is_ascii_uppercase() || "-_".contains(c) || c.is_ascii_digit()));
            assert!(!(cmd.flags.has(Flag::Write) && cmd.flags.has(Flag::ReadOnly)), "{name} reads and writes");
            assert!(cmd.spec.arity != 0, "{name} has no arity");
            assert!(!cmd.spec.summary.is_empty(), "{name} has no summary");
            for arg in cmd.spec.args {
                if let Some(spec) = arg.key_spec {
                    assert!((spec as usize) < cmd.spec.keys.len(), "{name}: {} has no key spec", arg.name);
                }
            }
        }
    }
}
