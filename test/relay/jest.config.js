/** The relay against a real RabbitMQ on loopback. */
export default {
  rootDir: '../..',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/relay/**/*.rabbit.ts'],
  maxWorkers: 1,
};
