import v8 from 'node:v8';

/**
 * V8 first compiles WebAssembly without optimizations, and later compiles the functions that are
 * used often a second time, with optimizations. For one function of PGlite, which interprets
 * expressions, the second compilation needs 600 MB for up to two seconds. These flags prevent the
 * second compilation. All three are necessary: when they are set in a running process, V8 derives
 * none of them from the others.
 */
const NO_OPTIMIZATION_FLAGS = ['--liftoff-only', '--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

/**
 * Prevents the second compilation in this process. The database then takes 15 to 25 % more
 * processor time for large batches (docs/measured.md). The caller must call this function before it
 * loads PGlite.
 */
export function limitCompilerMemory(): void {
  for (const flag of NO_OPTIMIZATION_FLAGS) v8.setFlagsFromString(flag);
}
