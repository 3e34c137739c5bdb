import v8 from 'node:v8';

/** A process with a smaller limit has too little memory for the optimizing compiler. */
const SMALL_BYTES = 1024 * 1024 * 1024;

/**
 * V8 first compiles WebAssembly without optimizations. It compiles a function again, with
 * optimizations, when the function is used often. The second compilation of PGlite's interpreter of
 * expressions needs 600 MB for up to two seconds. These flags prevent the second compilation. In a
 * running process, V8 derives none of the three flags from the others. Without
 * `--no-wasm-dynamic-tiering`, V8 would compile all functions together.
 */
const UNOPTIMIZED = ['--liftoff-only', '--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

/**
 * Prevents the second compilation in a process with a memory limit below 1 GB. Call it before
 * PGlite is loaded. `limitBytes`: 0 without a limit (default: the limit of the container).
 */
export function spareCompilerMemory(limitBytes: number = process.constrainedMemory()): void {
  if (limitBytes <= 0 || limitBytes >= SMALL_BYTES) return;
  for (const flag of UNOPTIMIZED) v8.setFlagsFromString(flag);
}
