import v8 from 'node:v8';

/*
 * Stops the growth of the young generation, the part of the heap in which V8 creates objects. It
 * has about 16 MB at this time, and would grow to 100 MB. A larger young generation saves little
 * processor time (docs/measured.md). V8 reads this flag at each growth, while it reads
 * `--max-semi-space-size` only before it runs any code.
 *
 * This module must be the first import of a program, because the import of other modules already
 * lets the young generation grow.
 */
v8.setFlagsFromString('--semi-space-growth-factor=1');
