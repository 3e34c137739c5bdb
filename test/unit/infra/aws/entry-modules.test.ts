describe('the modules that the Serverless Framework loads', () => {
  // TypeScript does not check these files, which are JavaScript. A missing export fails the import.
  it.each([
    ['bundle/plugin.js', ['default']],
    ['template/serverless.js', ['functions', 'resources']],
  ])('can be imported (%s)', async (file, names) => {
    const loadedModule: object = await import(`../../../../infra/aws/${file}`);
    expect(Object.keys(loadedModule).toSorted()).toEqual(names);
  });
});
