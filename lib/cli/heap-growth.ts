import v8 from 'node:v8';

/** How much larger than its live objects the heap may become before V8 collects garbage. */
const GROWTH_PERCENT = 30;

/**
 * Limits the growth of the heap in this process. Without this limit V8 lets the heap grow to
 * several times its live objects when many operations run at the same time, and the process needs
 * more than 512 MB. The limit costs some processor time (docs/measured.md). Unlike
 * `--max-old-space-size`, the limit cannot end the process: the heap grows with its live objects.
 */
export function limitHeapGrowth(): void {
  v8.setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
