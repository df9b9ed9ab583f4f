//! What std would have brought to a `no_std` component: an allocator, an end for panics, and two symbols that the
//! component's glue and the compiler expect.

use core::alloc::Layout;

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Nothing here panics on input; what does is a fault, and a trap is what the contract calls it.
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

/// The compiler calls it to compare slices, such as the names of JSON members, of which there are many: so it takes
/// eight bytes at a time.
#[allow(
    unsafe_code,
    reason = "a symbol that the compiler expects of a C library; the proof stands below"
)]
#[unsafe(no_mangle)]
extern "C" fn memcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    const WORD: usize = size_of::<u64>();
    let mut at = 0;
    while len - at >= WORD {
        // SAFETY: the caller promises `len` readable bytes behind both pointers, and `at + WORD` is not more than that.
        let (a, b) = unsafe {
            (
                left.add(at).cast::<u64>().read_unaligned(),
                right.add(at).cast::<u64>().read_unaligned(),
            )
        };
        if a != b {
            return if a.swap_bytes() < b.swap_bytes() { -1 } else { 1 };
        }
        at += WORD;
    }
    while at < len {
        // SAFETY: the caller promises `len` readable bytes behind both pointers, and `at` is less than that.
        let (a, b) = unsafe { (*left.add(at), *right.add(at)) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
        at += 1;
    }
    0
}
