/**
 * Calls `callback` when every promise that can go on has done so: after the microtasks, before
 * anything that takes wall-clock time. `setImmediate` where there is one, a message otherwise;
 * timers are the last resort, since browsers delay them.
 */
export function whenIdle(callback: () => void): void {
  const platform = globalThis as {
    setImmediate?: (callback: () => void) => void
    MessageChannel?: new () => {
      port1: { onmessage: (() => void) | null; close(): void }
      port2: { postMessage(data: unknown): void }
    }
  }
  if (platform.setImmediate !== undefined) {
    platform.setImmediate(callback)
  } else if (platform.MessageChannel !== undefined) {
    const { port1, port2 } = new platform.MessageChannel()
    port1.onmessage = () => {
      port1.close()
      callback()
    }
    port2.postMessage(null)
  } else setTimeout(callback, 0)
}
