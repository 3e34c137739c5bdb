import v8 from 'node:v8';

/** A process with a lower memory limit has too little memory for the optimizing compiler. */
const MIN_BYTES = 1024 * 1024 * 1024;

/**
 * V8 first compiles WebAssembly without optimizations, and later compiles the functions that are
 * used often a second time, with optimizations. For one function of PGlite, which interprets
 * expressions, the second compilation needs 600 MB for up to two seconds. These flags prevent the
 * second compilation. All three are necessary: when they are set in a running process, V8 derives
 * none of them from the others.
 */
const UNOPTIMIZED = ['--liftoff-only', '--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

/**
 * Prevents the second compilation if the memory limit of the process is below 1 GB. The caller must
 * call this function before it loads PGlite. `limitBytes`: the limit, or 0 without a limit
 * (default: the limit of the container).
 */
export function limitCompilerMemory(limitBytes: number = process.constrainedMemory()): void {
  if (limitBytes <= 0 || limitBytes >= MIN_BYTES) return;
  for (const flag of UNOPTIMIZED) v8.setFlagsFromString(flag);
}
