//! Placeholder.

pub struct Zset(Box<u8>);

impl Zset {
    pub fn len(&self) -> usize {
        *self.0 as usize
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    pub fn encoding(&self) -> &'static str {
        "listpack"
    }
    pub fn mem_bytes(&self) -> usize {
        0
    }
}

impl Default for Zset {
    fn default() -> Self {
        Zset(Box::new(0))
    }
}

impl Clone for Zset {
    fn clone(&self) -> Self {
        Zset(self.0.clone())
    }
}
