//! Publish and subscribe.

mod inspect;
mod publish;
mod subscribe;

use crate::dispatch::command::Command;

pub static COMMANDS: &[&Command] = &[
    &subscribe::PSUBSCRIBE,
    &publish::PUBLISH,
    &inspect::PUBSUB,
    &subscribe::PUNSUBSCRIBE,
    &publish::SPUBLISH,
    &subscribe::SSUBSCRIBE,
    &subscribe::SUBSCRIBE,
    &subscribe::SUNSUBSCRIBE,
    &subscribe::UNSUBSCRIBE,
];
