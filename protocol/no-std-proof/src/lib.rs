//! Compiles only while nothing under the protocol links std.
#![no_std]
#![forbid(unsafe_code)]

use dialtone_protocol as _;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
