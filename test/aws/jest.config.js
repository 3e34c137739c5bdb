/** The real template, deployed on an emulator that is started for it, with the rehearsal cloud as OpenStack. */
export default {
  rootDir: '../..',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  // One after the other: each packages the stack, in the one folder where that is done.
  maxWorkers: 1,
  testMatch: ['<rootDir>/test/aws/**/*.test.ts'],
};
