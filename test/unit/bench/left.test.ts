import { describeCounts, sumCounts } from '../../../bench/cleanup/left.ts';

describe('the resources that a way to empty projects has left', () => {
  it('are summed over all projects', () => {
    const counts = [{ server: 1, port: 2 }, {}, { server: 3 }];
    expect(describeCounts(sumCounts(counts))).toBe('4 servers, 2 ports');
  });

  it('are described as nothing if no project has any', () => {
    expect(describeCounts(sumCounts([{}, {}]))).toBe('nothing');
  });
});
