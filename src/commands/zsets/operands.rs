//! The inputs of unions, intersections and differences, and the arithmetic of their scores.
//!
//! An input is a sorted set, or a set, whose members count as having the score 1. Inputs are borrowed where they lie and
//! looked through in place; what is gathered refers to their members. A member that is looked for in several inputs is
//! hashed once for all sets, once for all sorted sets.

use hashbrown::HashTable;

use crate::dispatch::{CmdError, Db};
use crate::encoding::listpack::Elem;
use crate::keyspace::Ref;
use crate::resp::Args;
use crate::types::item::Name;
use crate::types::set::Probe;
use crate::types::{Set, Zset};

/// Members with the scores that were worked out for them.
pub type Pairs<'a> = Vec<(Elem<'a>, f64)>;

/// How the scores of one member become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// A sum of opposite infinities is 0; MIN and MAX prefer what they had to something that is no number.
    #[inline]
    fn combine(self, so_far: f64, score: f64) -> f64 {
        match self {
            Aggregate::Sum => not_nan(so_far + score),
            Aggregate::Min if score < so_far => score,
            Aggregate::Max if score > so_far => score,
            Aggregate::Min | Aggregate::Max => so_far,
        }
    }
}

#[inline]
fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

#[derive(Clone, Copy)]
enum Members<'a> {
    None,
    Set(&'a Set),
    Zset(&'a Zset),
}

/// One input.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    members: Members<'a>,
    /// By what its scores are multiplied.
    pub weight: f64,
    /// Whether each of its members counts as having the score 1.
    pub counts: bool,
}

/// The inputs that these keys hold.
///
/// # Errors
/// When one is neither a set nor a sorted set.
pub fn operands<'d>(db: &'d mut Db<'_>, keys: Args<'_>) -> Result<Vec<Operand<'d>>, CmdError> {
    // First each is looked up as any read is, which may remove it; then nothing moves any more.
    let mut found = Vec::with_capacity(keys.len());
    for key in keys.iter() {
        match db.read(key) {
            None => found.push(false),
            Some(Ref::Set(_) | Ref::Zset(_)) => found.push(true),
            Some(_) => return Err(CmdError::WRONG_TYPE),
        }
    }
    let db: &'d Db<'_> = db;
    let operand = |(key, found)| {
        let loc = if found { db.data.locate(db.env.hash(key), key) } else { None };
        let members = match loc.map(|loc| db.data.at(loc).value()) {
            Some(Ref::Set(set)) => Members::Set(set),
            Some(Ref::Zset(zset)) => Members::Zset(zset),
            _ => Members::None,
        };
        Operand { members, weight: 1.0, counts: false }
    };
    Ok(keys.iter().zip(found).map(operand).collect())
}

impl<'a> Operand<'a> {
    pub fn len(&self) -> usize {
        match self.members {
            Members::None => 0,
            Members::Set(set) => set.len(),
            Members::Zset(zset) => zset.len(),
        }
    }

    /// Visits all members with their scores, unweighted, until `visit` has had enough.
    fn visit(&self, mut visit: impl FnMut(Elem<'a>, f64) -> bool) {
        match self.members {
            Members::None => {}
            Members::Set(set) => drop(set.iter().all(|member| visit(member, 1.0))),
            Members::Zset(zset) => {
                let counts = self.counts;
                zset.iter().all(|(member, score)| visit(member, if counts { 1.0 } else { score }));
            }
        }
    }

    /// Whether looking for a member takes a walk.
    fn is_packed(&self) -> bool {
        match self.members {
            Members::None => false,
            Members::Set(set) => set.as_listpack().is_some(),
            Members::Zset(zset) => zset.as_listpack().is_some(),
        }
    }

    fn score(&self, wanted: &mut Wanted<'a>) -> Option<f64> {
        match self.members {
            Members::None => None,
            Members::Set(set) => set.contains_probe(&mut wanted.probe).then_some(1.0),
            Members::Zset(zset) => {
                let mut digits = itoa::Buffer::new();
                let score = zset.score_with(wanted.member.text(&mut digits), &mut wanted.hash);
                if self.counts { score.and(Some(1.0)) } else { score }
            }
        }
    }
}

/// A member that is looked for.
struct Wanted<'a> {
    member: Elem<'a>,
    probe: Probe<'a>,
    hash: Option<u64>,
}

impl<'a> Wanted<'a> {
    #[inline]
    fn new(member: Elem<'a>) -> Wanted<'a> {
        Wanted { member, probe: Probe::new(member), hash: None }
    }
}

/// All members of all inputs, in no order.
pub fn union<'a>(mut operands: Vec<Operand<'a>>, aggregate: Aggregate) -> Pairs<'a> {
    // Scores are added up from the smallest input on: with doubles that makes a difference.
    operands.sort_by_key(Operand::len);
    let total: usize = operands.iter().map(Operand::len).sum();
    let largest = operands.last().map_or(0, Operand::len);
    let mut pairs = Pairs::with_capacity(largest);
    if total == largest {
        if let Some(only) = operands.last() {
            only.visit(|member, score| {
                pairs.push((member, not_nan(score * only.weight)));
                true
            });
        }
        return pairs;
    }
    let mut known: HashTable<usize> = HashTable::with_capacity(largest);
    for operand in &operands {
        operand.visit(|member, score| {
            let score = not_nan(score * operand.weight);
            let name = Name::of(member);
            let (hash, member) = (name.hash(), name.elem());
            match known.find(hash, |&at| pairs[at].0 == member) {
                Some(&at) => pairs[at].1 = aggregate.combine(pairs[at].1, score),
                None => {
                    known.insert_unique(hash, pairs.len(), |&at| Name::of(pairs[at].0).hash());
                    pairs.push((member, score));
                }
            }
            true
        });
    }
    pairs
}

/// Hands the members that all inputs have to `each`, in no order, until it has had enough.
pub fn intersect<'a>(mut operands: Vec<Operand<'a>>, aggregate: Aggregate, mut each: impl FnMut(Elem<'a>, f64) -> bool) {
    operands.sort_by_key(Operand::len);
    let Some((smallest, others)) = operands.split_first() else { return };
    smallest.visit(|member, score| {
        let mut wanted = Wanted::new(member);
        let mut sum = not_nan(score * smallest.weight);
        for other in others {
            match other.score(&mut wanted) {
                Some(score) => sum = aggregate.combine(sum, score * other.weight),
                None => return true,
            }
        }
        each(member, sum)
    });
}

/// The members of the first input that no other has, with their scores, in no order.
pub fn difference<'a>(operands: &[Operand<'a>]) -> Pairs<'a> {
    /// From this size of the first input on, packed ones are unpacked first.
    const UNPACK_FROM: usize = 16;
    let mut pairs = Pairs::new();
    let Some((first, others)) = operands.split_first() else { return pairs };
    let (packed, mut others): (Vec<&Operand<'a>>, Vec<&Operand<'a>>) =
        others.iter().partition(|other| first.len() >= UNPACK_FROM && other.is_packed());
    // The most probable to have a member come first.
    others.sort_by_key(|other| std::cmp::Reverse(other.len()));
    let mut excluded: HashTable<Elem<'a>> = HashTable::new();
    for operand in packed {
        operand.visit(|member, _| {
            let name = Name::of(member);
            excluded.entry(name.hash(), |&other| other == name.elem(), |&other| Name::of(other).hash()).or_insert(name.elem());
            true
        });
    }
    first.visit(|member, score| {
        let mut wanted = Wanted::new(member);
        let is_excluded = !excluded.is_empty() && {
            let name = Name::of(member);
            excluded.find(name.hash(), |&other| other == name.elem()).is_some()
        };
        if !is_excluded && others.iter().all(|other| other.score(&mut wanted).is_none()) {
            pairs.push((member, score));
        }
        true
    });
    pairs
}
