import { limitCompilerMemory } from '../../lib/engine/postgres/compiler-memory.ts';

/** Compiles the embedded database of this process as in a container with 512 MB. */
limitCompilerMemory(512 * 1024 * 1024);
