//! Runtime of a `no_std` component: an allocator, a panic handler, and two symbols that the glue and the compiler
//! expect. With std the component would import more of WASI, which hosts may refuse.

use core::{
    alloc::Layout,
    ffi::{c_int, c_void},
};

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// A panic is a bug of the plugin, and traps, as the contract requires.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Memory for values that the host passes in; the canonical ABI's `realloc`.
#[allow(
    unsafe_code,
    reason = "an exported symbol of the canonical ABI; the proof stands below"
)]
#[unsafe(no_mangle)]
extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, new_len: usize) -> *mut u8 {
    if new_len == 0 {
        // Never read or written; only its alignment counts.
        return core::ptr::without_provenance_mut(align);
    }
    let Ok(layout) = Layout::from_size_align(if old_len == 0 { new_len } else { old_len }, align) else {
        core::arch::wasm32::unreachable()
    };
    // SAFETY: the sizes are not zero. The caller is the canonical ABI's glue, which passes an `old` only with the
    // length and alignment that this function gave it out with.
    let new = unsafe {
        if old_len == 0 {
            alloc::alloc::alloc(layout)
        } else {
            alloc::alloc::realloc(old, layout, new_len)
        }
    };
    if new.is_null() {
        core::arch::wasm32::unreachable()
    } else {
        new
    }
}

/// The compiler calls it to compare slices.
///
/// # Safety
/// There are `len` readable bytes behind both pointers, as of C's function.
#[allow(
    unsafe_code,
    reason = "a symbol that the compiler expects of a C library; the proof stands below"
)]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const c_void, right: *const c_void, len: usize) -> c_int {
    let (left, right) = (left.cast::<u8>(), right.cast::<u8>());
    let mut at = 0;
    while at < len {
        // SAFETY: the caller promises `len` readable bytes behind both pointers, and `at` is less than that.
        let (a, b) = unsafe { (*left.add(at), *right.add(at)) };
        if a != b {
            return c_int::from(a) - c_int::from(b);
        }
        at += 1;
    }
    0
}
