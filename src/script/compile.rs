//! Source to bytecode. Bytecode is trusted blindly by the interpreter, so it is a type of its own that only this file makes.

use mlua::chunk::Compiler;

/// Compiled code.
pub struct Code(Vec<u8>);

impl Code {
    /// What the interpreter loads.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Compiles a text.
///
/// `KEYS` and `ARGV` change from run to run: they must be nil when code is loaded ([`super::engine::Engine::load`]), for globals
/// are looked up then, once and for all if they are there. `tostring` is not a builtin here: it prints numbers as 5.1 did. Nor is
/// `getmetatable`: before a builtin its arguments are looked up, and where neither is there, the function is the one to be named.
///
/// # Errors
/// What is wrong, behind `:line:`.
pub fn compile(source: &[u8]) -> Result<Code, Vec<u8>> {
    let compiler = Compiler::new()
        .set_optimization_level(2)
        .set_debug_level(1)
        .set_mutable_globals(["KEYS", "ARGV"])
        .set_disabled_builtins(["tostring", "getmetatable"]);
    match compiler.compile(source) {
        Ok(code) => Ok(Code(code)),
        Err(mlua::Error::SyntaxError { message, .. }) => Err([b":", message.as_bytes()].concat()),
        Err(error) => Err(error.to_string().into_bytes()),
    }
}
