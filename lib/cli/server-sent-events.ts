/** One server-sent event. */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

/** Parses server-sent events while they arrive. Comments (heartbeats) are skipped. */
export async function* serverSentEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let incompleteBlock = '';
  for await (const bytes of body) {
    const blocks = (incompleteBlock + decoder.decode(bytes, { stream: true })).split(/\r?\n\r?\n/);
    incompleteBlock = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parseBlock(block);
      if (event) yield event;
    }
  }
}

function parseBlock(block: string): ServerSentEvent | undefined {
  const fields = block.split(/\r?\n/).flatMap((line): [string, string][] => {
    const [, name, value = ''] = /^([a-z]+):? ?(.*)$/s.exec(line) ?? [];
    return name === undefined ? [] : [[name, value]];
  });
  const data = fields.flatMap(([name, value]) => (name === 'data' ? [value] : []));
  if (data.length === 0) return undefined;
  const event = fields.findLast(([name]) => name === 'event')?.[1] ?? 'message';
  return { event, data: data.join('\n') };
}
