//! A value of any type: owned while it travels, borrowed while it lies in its key's entry.

use crate::encoding::blob::{Blob, HEADER_BYTES};
use crate::sys::defrag::Mover;
use crate::types::{Hash, List, Set, Stream, Zset};

/// The type of a value, as TYPE names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Type {
    String,
    List,
    Set,
    Zset,
    Hash,
    Stream,
}

impl Type {
    pub const ALL: [Type; 6] = [Type::String, Type::List, Type::Set, Type::Zset, Type::Hash, Type::Stream];

    /// The word that TYPE answers and SCAN's TYPE option takes.
    pub const fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::Zset => "zset",
            Type::Hash => "hash",
            Type::Stream => "stream",
        }
    }
}

/// A string too big to lie in its entry: one block, the length in front.
#[derive(Clone)]
pub struct BigStr(Blob);

impl BigStr {
    /// The longest string, in bytes.
    pub const MAX_BYTES: usize = u32::MAX as usize - HEADER_BYTES;

    /// A copy of `bytes`; `None` past [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn new(bytes: &[u8]) -> Option<BigStr> {
        Blob::from_body(bytes).ok().map(BigStr)
    }

    /// `len` zero bytes; `None` past [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn zeroed(len: usize) -> Option<BigStr> {
        Blob::zeroed(len.checked_add(HEADER_BYTES)?).ok().map(BigStr)
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.0.as_slice()[HEADER_BYTES..]
    }

    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.0.body_mut()
    }

    /// Makes it `len` bytes long, new bytes being zero. `false`: too long, nothing changed.
    #[must_use]
    pub fn resize(&mut self, len: usize) -> bool {
        len <= Self::MAX_BYTES && self.0.resize(len + HEADER_BYTES).is_ok()
    }

    /// Moves the block, if it ought to move.
    pub fn defrag(&mut self, mover: &mut Mover) {
        self.0.defrag(mover);
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        self.0.alloc_bytes()
    }
}

/// A value that belongs to no key at the moment.
#[derive(Clone)]
pub enum Value {
    Int(i64),
    /// Bytes; `raw` is what OBJECT ENCODING says of a short string that was built up by appending.
    Str {
        bytes: Box<[u8]>,
        raw: bool,
    },
    Big(BigStr),
    List(List),
    Set(Set),
    Zset(Zset),
    Hash(Hash),
    Stream(Stream),
}

/// A value in its entry, read only.
#[derive(Clone, Copy)]
pub enum Ref<'a> {
    Int(i64),
    Str { bytes: &'a [u8], raw: bool },
    List(&'a List),
    Set(&'a Set),
    Zset(&'a Zset),
    Hash(&'a Hash),
    Stream(&'a Stream),
}

/// A value in its entry, to be changed. Strings are changed through the database, which may have to move them.
pub enum RefMut<'a> {
    String,
    List(&'a mut List),
    Set(&'a mut Set),
    Zset(&'a mut Zset),
    Hash(&'a mut Hash),
    Stream(&'a mut Stream),
}

/// The longest string of which OBJECT ENCODING says `embstr`.
pub const EMBSTR_MAX: usize = 44;

impl Ref<'_> {
    #[inline]
    pub fn kind(&self) -> Type {
        match self {
            Ref::Int(_) | Ref::Str { .. } => Type::String,
            Ref::List(_) => Type::List,
            Ref::Set(_) => Type::Set,
            Ref::Zset(_) => Type::Zset,
            Ref::Hash(_) => Type::Hash,
            Ref::Stream(_) => Type::Stream,
        }
    }

    /// The word of OBJECT ENCODING.
    pub fn encoding(&self) -> &'static str {
        match self {
            Ref::Int(_) => "int",
            Ref::Str { bytes, raw } if *raw || bytes.len() > EMBSTR_MAX => "raw",
            Ref::Str { .. } => "embstr",
            Ref::List(list) => list.encoding(),
            Ref::Set(set) => set.encoding(),
            Ref::Zset(zset) => zset.encoding(),
            Ref::Hash(hash) => hash.encoding(),
            Ref::Stream(stream) => stream.encoding(),
        }
    }

    /// Number of elements, or of bytes in a string.
    pub fn size(&self) -> usize {
        match self {
            Ref::Int(n) => crate::util::number::i64_len(*n),
            Ref::Str { bytes, .. } => bytes.len(),
            Ref::List(list) => list.len(),
            Ref::Set(set) => set.len(),
            Ref::Zset(zset) => zset.len(),
            Ref::Hash(hash) => hash.len(),
            Ref::Stream(stream) => stream.len(),
        }
    }

    /// When the first of its elements expires, if any does.
    #[inline]
    pub fn next_expiry_ms(&self) -> Option<u64> {
        if let Ref::Hash(hash) = self { hash.next_expiry_ms() } else { None }
    }

    /// Heap bytes beside the entry.
    pub fn mem_bytes(&self) -> usize {
        match self {
            Ref::Int(_) => 0,
            Ref::Str { bytes, .. } => bytes.len(),
            Ref::List(list) => list.mem_bytes(),
            Ref::Set(set) => set.mem_bytes(),
            Ref::Zset(zset) => zset.mem_bytes(),
            Ref::Hash(hash) => hash.mem_bytes(),
            Ref::Stream(stream) => stream.mem_bytes(),
        }
    }

    /// A copy of its own.
    pub fn to_value(&self) -> Value {
        match self {
            Ref::Int(n) => Value::Int(*n),
            Ref::Str { bytes, raw } => Value::Str { bytes: (*bytes).into(), raw: *raw },
            Ref::List(list) => Value::List((*list).clone()),
            Ref::Set(set) => Value::Set((*set).clone()),
            Ref::Zset(zset) => Value::Zset((*zset).clone()),
            Ref::Hash(hash) => Value::Hash((*hash).clone()),
            Ref::Stream(stream) => Value::Stream((*stream).clone()),
        }
    }
}

/// A collection type: what lets a database hand out `&Hash` or `&mut Zset` by type.
pub trait Typed: Default {
    const TYPE: Type;
    fn of<'a>(value: Ref<'a>) -> Option<&'a Self>;
    fn of_mut<'a>(value: RefMut<'a>) -> Option<&'a mut Self>;
    fn into_value(self) -> Value;
    /// Number of elements.
    fn size(&self) -> usize;
    /// When the first of its elements expires, if elements may.
    #[inline]
    fn next_expiry_ms(&self) -> Option<u64> {
        None
    }
}

macro_rules! typed {
    ($type:ident $($more:item)?) => {
        impl Typed for $type {
            const TYPE: Type = Type::$type;

            #[inline]
            fn of<'a>(value: Ref<'a>) -> Option<&'a Self> {
                if let Ref::$type(inner) = value { Some(inner) } else { None }
            }

            #[inline]
            fn of_mut<'a>(value: RefMut<'a>) -> Option<&'a mut Self> {
                if let RefMut::$type(inner) = value { Some(inner) } else { None }
            }

            fn into_value(self) -> Value {
                Value::$type(self)
            }

            #[inline]
            fn size(&self) -> usize {
                self.len()
            }

            $($more)?
        }
    };
}

typed!(List);
typed!(Set);
typed!(Zset);
typed!(Hash
    #[inline]
    fn next_expiry_ms(&self) -> Option<u64> {
        Hash::next_expiry_ms(self)
    }
);
typed!(Stream);
