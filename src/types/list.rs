//! Placeholder.

pub struct List(Box<u8>);

impl List {
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

impl Default for List {
    fn default() -> Self {
        List(Box::new(0))
    }
}

impl Clone for List {
    fn clone(&self) -> Self {
        List(self.0.clone())
    }
}
