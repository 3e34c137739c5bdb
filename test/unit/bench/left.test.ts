import { describeLeft, sumLeft } from '../../../bench/cleanup/left.ts';

describe('the resources that a way to empty projects has left', () => {
  it('are summed over all projects', () => {
    const counts = [{ server: 1, port: 2 }, {}, { server: 3 }];
    expect(describeLeft(sumLeft(counts))).toBe('4 servers, 2 ports');
  });

  it('are described as nothing if no project has any', () => {
    expect(describeLeft(sumLeft([{}, {}]))).toBe('nothing');
  });
});
