//! `bit`: operations on 32 bits, results signed.

use super::super::vm::{Raise, Vm};

/// Adds the library.
pub fn open(vm: &mut Vm<'_>) {
    super::library(
        vm,
        c"bit",
        &[
            (c"tobit", tobit),
            (c"tohex", tohex),
            (c"bnot", bnot),
            (c"band", band),
            (c"bor", bor),
            (c"bxor", bxor),
            (c"lshift", lshift),
            (c"rshift", rshift),
            (c"arshift", arshift),
            (c"rol", rol),
            (c"ror", ror),
            (c"bswap", bswap),
        ],
    );
    vm.pop(1);
}

/// The low 32 bits of a number rounded to an integer, half to even: what adding 2^52 + 2^51 to it leaves in its mantissa.
fn bits(n: f64) -> u32 {
    (n + 6_755_399_441_055_744.0).to_bits() as u32
}

fn argument(vm: &Vm<'_>, index: i32, function: &str) -> Result<u32, Raise> {
    super::number_argument(vm, index, function).map(bits)
}

fn push(vm: &mut Vm<'_>, n: u32) -> Result<i32, Raise> {
    vm.push_number(f64::from(n as i32));
    Ok(1)
}

fn tobit(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let n = argument(vm, 1, "tobit")?;
    push(vm, n)
}

fn bnot(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let n = argument(vm, 1, "bnot")?;
    push(vm, !n)
}

fn bswap(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let n = argument(vm, 1, "bswap")?;
    push(vm, n.swap_bytes())
}

fn fold(vm: &mut Vm<'_>, function: &str, join: fn(u32, u32) -> u32) -> Result<i32, Raise> {
    let mut all = argument(vm, 1, function)?;
    for index in 2..=vm.top() {
        all = join(all, argument(vm, index, function)?);
    }
    push(vm, all)
}

fn band(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    fold(vm, "band", |a, b| a & b)
}

fn bor(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    fold(vm, "bor", |a, b| a | b)
}

fn bxor(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    fold(vm, "bxor", |a, b| a ^ b)
}

fn shift(vm: &mut Vm<'_>, function: &str, by: fn(u32, u32) -> u32) -> Result<i32, Raise> {
    let n = argument(vm, 1, function)?;
    let count = argument(vm, 2, function)? & 31;
    push(vm, by(n, count))
}

fn lshift(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    shift(vm, "lshift", |n, count| n << count)
}

fn rshift(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    shift(vm, "rshift", |n, count| n >> count)
}

fn arshift(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    shift(vm, "arshift", |n, count| (n as i32 >> count) as u32)
}

fn rol(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    shift(vm, "rol", u32::rotate_left)
}

fn ror(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    shift(vm, "ror", u32::rotate_right)
}

/// The last digits, as many as asked for (eight at most); in capitals if that number is negative.
fn tohex(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let n = argument(vm, 1, "tohex")?;
    let digits = if vm.top() < 2 { 8 } else { argument(vm, 2, "tohex")? as i32 };
    let count = digits.unsigned_abs().min(8) as usize;
    let all = if digits < 0 { format!("{n:08X}") } else { format!("{n:08x}") };
    vm.push_bytes(&all.as_bytes()[8 - count..]);
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::bits;

    #[test]
    fn numbers_lose_all_but_32_bits() {
        let cases = [(1.0, 1), (-1.0, u32::MAX), (2f64.powi(40) + 5.0, 5), (4_294_967_296.0, 0), (0.5, 0), (1.5, 2)];
        for (n, expected) in cases {
            assert_eq!(bits(n), expected, "{n}");
        }
    }
}
