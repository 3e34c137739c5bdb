import v8 from 'node:v8';

/** Below this limit the memory of the optimizing compiler may be missing elsewhere. */
const SMALL_BYTES = 1024 * 1024 * 1024;

/**
 * V8 compiles WebAssembly twice: at once, and again with optimizations when a function is used
 * often. For one function of PGlite (the interpreter of expressions) the second compilation takes
 * 600 MB for a second or two. All three flags are needed, because V8 derives none of them from the
 * others after its start. Without `--no-wasm-dynamic-tiering` it compiles all functions at once.
 */
const UNOPTIMIZED = ['--liftoff-only', '--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

/**
 * Leaves out the second compilation if this process may use less than 1 GB (`limitBytes`, default:
 * the limit of its container; 0 if there is none). Call it before PGlite is loaded.
 */
export function spareCompilerMemory(limitBytes: number = process.constrainedMemory()): void {
  if (limitBytes <= 0 || limitBytes >= SMALL_BYTES) return;
  for (const flag of UNOPTIMIZED) v8.setFlagsFromString(flag);
}
