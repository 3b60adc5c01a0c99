import { describe, expect, it } from 'vitest'
import type { RawInvalidate } from '@hmm-sdk/hmm-api/raw'
import { Call, type Descriptor } from '../src/descriptor.js'
import { EventQueue, type DeviceFaultEvent, type MirrorSink } from '../src/events.js'
import type { NativeMemory } from '../src/native.js'
import { StructView } from '../src/struct-view.js'
import * as uapi from '../src/uapi.js'

type Fields = Partial<Record<keyof typeof uapi.Event.fields, number>>

/** The module's side of one device: a list of events, and what READ_EVENTS was told. */
class FakeDevice {
  readonly shared: NativeMemory = { id: 1, buffer: new ArrayBuffer(4096), address: 0 }
  readonly seen: number[] = []
  events: Fields[] = []
  batch = 100
  ready = (): void => undefined
  rearmed = 0

  queue(...events: Fields[]): this {
    this.events.push(...events)
    new Uint32Array(this.shared.buffer)[uapi.SHARED_UNREAD / 4] = this.events.length
    return this
  }

  descriptor(): Descriptor {
    const native = {
      map: () => this.shared,
      watch: (_fd: number, ready: () => void) => {
        this.ready = ready
        return { rearm: () => void (this.rearmed += 1), close: () => undefined }
      },
      release: () => undefined,
    }
    const fake = {
      fd: 9,
      native,
      end: () => undefined,
      call: (layout: uapi.UapiStruct, bytes: number) =>
        new Call(layout, { id: 2, buffer: new ArrayBuffer(512 + bytes), address: 4096 }, bytes),
      run: (request: number, call: Call<typeof uapi.ReadEvents>) => {
        expect(request).toBe(uapi.IOC_READ_EVENTS)
        this.seen.push(call.get('seen'))
        const taken = this.events.splice(0, Math.min(this.batch, call.get('max')))
        this.queue()
        taken.forEach((fields, index) => {
          const at = call.payload.byteOffset + index * uapi.Event.size
          const view = new DataView(call.payload.buffer, at, uapi.Event.size)
          const event = new StructView(uapi.Event, view)
          event.clear()
          for (const [name, value] of Object.entries(fields)) event.set(name as never, value)
        })
        call.fill({ count: taken.length, more: this.events.length > 0 ? 1 : 0 })
        return 0
      },
    }
    return fake as unknown as Descriptor
  }
}

let sequence = 0
const invalidate = (mirror: number, first: number, more: Fields = {}): Fields => ({
  sequence: ++sequence,
  type: uapi.EVENT_INVALIDATE,
  kind: uapi.KIND_UNMAP,
  pages: 1,
  mirror,
  first,
  ...more,
})
const releasedOf = (mirror: number): Fields => ({
  sequence: ++sequence,
  type: uapi.EVENT_RELEASED,
  mirror,
})

function setUp(): {
  device: FakeDevice
  queue: EventQueue
  log: string[]
  sink: (name: string) => MirrorSink
} {
  const device = new FakeDevice()
  const log: string[] = []
  const queue = new EventQueue(device.descriptor(), 64, {
    interrupt: (vector) => log.push(`irq ${vector}`),
    cpuFault: (pages) => log.push(`cpu-fault ${pages}`),
    deviceFault: (event: DeviceFaultEvent) =>
      log.push(`${event.source} ${event.access} ${event.address}`),
  })
  const sink = (name: string): MirrorSink => ({
    invalidate: (event: RawInvalidate) => {
      log.push(`${name}${event.first}`)
      return () => log.push(`${name}${event.first}'`)
    },
    released: () => log.push(`${name} released`),
  })
  return { device, queue, log, sink }
}

function add(queue: EventQueue, id: number, sink: MirrorSink): void {
  queue.beginCreate()
  queue.endCreate(id, sink)
}

describe('events of a device', () => {
  it('makes no call while the shared page says there is nothing', () => {
    const { device, queue } = setUp()
    queue.drain()
    expect(device.seen).toEqual([])
  })

  it('runs the first pass of all mirrors, then the second passes', () => {
    const { device, queue, log, sink } = setUp()
    add(queue, 1, sink('a'))
    add(queue, 2, sink('b'))
    device.queue(invalidate(1, 0), invalidate(2, 0), invalidate(1, 5))
    queue.drain()
    expect(log).toEqual(['a0', 'b0', "a0'", "b0'", 'a5', "a5'"])
    expect(queue.seen).toBe(sequence)
  })

  it('reads on while there is more, and says what was dispatched', () => {
    const { device, queue, log, sink } = setUp()
    add(queue, 1, sink('a'))
    device.batch = 2
    const from = sequence
    device.queue(invalidate(1, 0), invalidate(1, 1), invalidate(1, 2), invalidate(1, 3))
    queue.drain()
    expect(log.filter((entry) => !entry.endsWith("'"))).toEqual(['a0', 'a1', 'a2', 'a3'])
    expect(device.seen).toEqual([0, from + 2])
  })

  it('gives every field to the mirror', () => {
    const { device, queue } = setUp()
    const got: unknown[] = []
    add(queue, 7, {
      invalidate: (event, revoked) => void got.push(event, revoked),
      released: () => undefined,
    })
    const kinds = ['unmap', 'clear', 'protection-vma', 'protection-page', 'soft-dirty', 'release']
    device.queue(
      invalidate(7, 3, {
        kind: uapi.KIND_MIGRATE,
        pages: 4,
        count: 2,
        flags: uapi.EVENT_SELF | uapi.EVENT_COALESCED | uapi.EVENT_NONBLOCKABLE,
      }),
      ...kinds.map((_, index) => invalidate(7, 0, { kind: index + 1 })),
    )
    queue.drain()
    expect(got.slice(0, 2)).toEqual([
      { kind: 'migrate', first: 3, pages: 4, self: true, blockable: false, coalesced: true },
      2,
    ])
    expect(got.slice(2).filter((entry) => typeof entry === 'object')).toMatchObject(
      kinds.map((kind) => ({ kind, self: false, blockable: true, coalesced: false })),
    )
  })

  it('keeps what comes for a mirror before its number is known, and drops it if it fails', () => {
    const { device, queue, log, sink } = setUp()
    queue.beginCreate()
    device.queue(invalidate(5, 1), releasedOf(5))
    queue.drain()
    expect(log).toEqual([])
    queue.endCreate(5, sink('e'))
    expect(log).toEqual(['e1', "e1'", 'e released'])
    queue.beginCreate()
    device.queue(invalidate(6, 1))
    queue.drain()
    queue.endCreate(undefined, sink('f'))
    add(queue, 6, sink('f'))
    expect(log).toHaveLength(3)
  })

  it('drops events of mirrors that were closed', () => {
    const { device, queue, log, sink } = setUp()
    add(queue, 1, sink('a'))
    queue.forget(1)
    device.queue(invalidate(1, 0), releasedOf(1))
    queue.drain()
    expect(log).toEqual([])
    expect(queue.seen).toBe(sequence)
  })

  it('does not nest: a callback that drains leaves the order as it is', () => {
    const { device, queue, log } = setUp()
    add(queue, 1, {
      invalidate: (event) => {
        log.push(`begin ${event.first}`)
        queue.drain()
        log.push(`end ${event.first}`)
      },
      released: () => undefined,
    })
    device.batch = 1
    device.queue(invalidate(1, 0), invalidate(1, 1))
    queue.drain()
    expect(log).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1'])
  })

  it('delivers interrupts, CPU faults and device faults', () => {
    const { device, queue, log } = setUp()
    device.queue(
      { type: uapi.EVENT_INTERRUPT, kind: 3, count: 2 },
      { type: uapi.EVENT_CPU_FAULT, count: 8 },
      {
        sequence: ++sequence,
        type: uapi.EVENT_DEVICE_FAULT,
        address: 0x1000,
        kind: uapi.ACCESS_WRITE,
        flags: uapi.SOURCE_REVOKED,
      },
    )
    device.ready()
    expect(log).toEqual(['irq 3', 'cpu-fault 8', 'revoked write 4096'])
    expect(device.rearmed).toBe(1)
    expect(queue.seen).toBe(sequence)
  })

  it('compares sequences in the shared page, both halves', () => {
    const { device, queue } = setUp()
    new BigUint64Array(device.shared.buffer)[uapi.SHARED_MIRRORS / 8 + 2] = 0x1_0000_0004n
    expect(queue.sequenceMoved(2, 0x1_0000_0004)).toBe(false)
    expect(queue.sequenceMoved(2, 0x1_0000_0002)).toBe(true)
    expect(queue.sequenceMoved(2, 4)).toBe(true)
    expect(queue.sequenceMoved(3, 4)).toBe(true)
  })

  it('is silent after close', () => {
    const { device, queue, log, sink } = setUp()
    add(queue, 1, sink('a'))
    queue.close()
    device.queue(invalidate(1, 0))
    queue.drain()
    device.ready()
    expect(log).toEqual([])
  })
})
