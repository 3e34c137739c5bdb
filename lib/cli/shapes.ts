// Schemas of the API's responses. Fields that only `--json` prints are not checked.
export * from './shapes/audit.ts';
export * from './shapes/coverage.ts';
export * from './shapes/dead-letters.ts';
export * from './shapes/operation.ts';
export * from './shapes/plan.ts';
export * from './shapes/services.ts';
export * from './shapes/status.ts';
