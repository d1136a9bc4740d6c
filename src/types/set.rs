//! Placeholder.

pub struct Set(Box<u8>);

impl Set {
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

impl Default for Set {
    fn default() -> Self {
        Set(Box::new(0))
    }
}

impl Clone for Set {
    fn clone(&self) -> Self {
        Set(self.0.clone())
    }
}
