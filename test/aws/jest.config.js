/** The real template, deployed on an emulator that is started for it, with the rehearsal cloud as OpenStack. */
export default {
  rootDir: '../..',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/aws/**/*.test.ts'],
};
