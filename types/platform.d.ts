/**
 * What the cores of hmm-api and backend-sim may expect from their platform: the part that Node 20 and
 * browsers share. They compile against this file instead of @types/node or the DOM library, so that
 * anything else is a type error. Consumers see the types of their own platform under the same names.
 */

interface AbortSignal {
  readonly aborted: boolean
  readonly reason: any
  throwIfAborted(): void
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}
declare var AbortSignal: {
  abort(reason?: unknown): AbortSignal
  any(signals: Iterable<AbortSignal>): AbortSignal
  timeout(milliseconds: number): AbortSignal
}

interface AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}
declare var AbortController: new () => AbortController

declare function queueMicrotask(callback: () => void): void
declare function structuredClone<T>(value: T): T
declare function setTimeout(callback: () => void, milliseconds?: number): unknown
declare function clearTimeout(timer: unknown): void
declare const performance: { now(): number }
declare const console: Record<
  'debug' | 'info' | 'log' | 'warn' | 'error',
  (...data: unknown[]) => void
>

declare class TextEncoder {
  encode(text?: string): Uint8Array
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean })
  decode(bytes?: ArrayBufferView | ArrayBufferLike): string
}
