/**
 * Which calls of the ports fail: only call number `from`, or all calls of one name from then on.
 */
export interface Fault {
  readonly from: number;
  readonly name?: string;
}

/**
 * Wraps ports so that every call of every method is counted and fails if the fault says so. A
 * returned object that is a port itself (`ServiceApi`) is wrapped, too.
 */
export class FailingPorts {
  readonly calls: string[] = [];
  fault: Fault | undefined;

  wrap<T extends object>(port: T, name: string): T {
    return new Proxy(port, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        const path = `${name}.${String(key)}`;
        if (typeof value === 'object' && value !== null) return this.wrap(value, path);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]) => this.#call(path, () => value.apply(target, given));
      },
    });
  }

  #call(path: string, call: () => unknown): unknown {
    this.calls.push(path);
    const { fault } = this;
    const isDue = fault && this.calls.length - 1 >= fault.from;
    if (
      isDue &&
      (fault.name === undefined ? this.calls.length - 1 === fault.from : fault.name === path)
    )
      return Promise.reject(new TypeError(`${path} failed`));
    return call();
  }
}
