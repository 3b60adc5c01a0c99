import { createBackend } from '@hmm-sdk/backend-sim'
import {
  openBackend,
  VirtualRange,
  type Device,
  type DmaAddress,
  type Mirror,
} from '@hmm-sdk/hmm-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// What somebody new to the API gets wrong, most of it from JavaScript: each is told by name, and shortly.

const large = Array.from({ length: 5000 }, (_, index) => index)
const backend = await openBackend({ backend: createBackend, config: false })
const space = await backend.createAddressSpace()
const range = await space.mmap({ pages: 4 })
let device: Device
let mirror: Mirror
let address: DmaAddress

beforeAll(async () => {
  device = await backend.openDevice('demo')
  mirror = await device.mirror(space, range, { invalidate() {} })
  const access = 'write'
  address = await mirror.map(range, { access }, (mapping) => mapping.dmaAddress(0))
})
afterAll(() => backend.close())

const read = { access: 'read' } as const
/** As JavaScript gives it: of whatever type. */
const any = (value: unknown): never => value as never

const MISTAKES: Record<string, [() => unknown, string]> = {
  'an array as the protection': [
    () => space.mprotect(range, any(large)),
    'protection Array is not one of none, r, w, x, rw, rx, wx, rwx',
  ],
  'no advice': [() => space.madvise(range, any(undefined)), 'advice undefined is not one of'],
  'an array as the request': [
    () => mirror.fault(range, { request: any(large) }),
    'request Array is not one of none, read, write',
  ],
  'an array as the access': [
    () => mirror.map(range, { access: any(large) }, () => undefined),
    "options.access is 'read' or 'write', not Array",
  ],
  'a number as the place': [
    () => space.mmap({ pages: 1, at: any(123) }),
    'address is not a VirtualAddress but 123',
  ],
  'a range as the address': [
    () => space.read(any(range), 10),
    'address is not a VirtualAddress but VirtualRange',
  ],
  'an address below all': [() => space.read(any(-1n), 1), 'address -1n does not fit 64 bits'],
  'a DMA address above all': [
    () => device.engine.read(any(1n << 80n), 1),
    'address 1208925819614629174706176n does not fit 64 bits',
  ],
  'no DMA address': [
    () => device.engine.write(any(undefined), Uint8Array.of(1)),
    'address is not a DmaAddress but undefined',
  ],
  'a copy from nowhere': [
    () => device.engine.copy(any(undefined), address, 1),
    'address is not a DmaAddress but undefined',
  ],
  'a text as bytes': [
    () => space.write(range.start, any('hello')),
    "bytes is a Uint8Array, not 'hello'",
  ],
  'a text as bytes of a device': [
    () => device.engine.write(address, any('hello')),
    "bytes is a Uint8Array, not 'hello'",
  ],
  'no bytes': [
    () => device.engine.write(address, any(undefined)),
    'bytes is a Uint8Array, not undefined',
  ],
  'a number of pages as options': [
    () => device.dma.openWindow(any(4)),
    'dma.openWindow: the options are an object, not 4',
  ],
  'a size as options': [
    () => device.dma.allocBuffer(any(8192)),
    'dma.allocBuffer: the options are an object, not 8192',
  ],
  'a typo in options': [
    () => device.dma.allocCoherent(any({ bytes: 1, attribute: [] })),
    "dma.allocCoherent: unknown option 'attribute'",
  ],
  'a controller as the signal': [
    () => mirror.map(range, { ...read, signal: any(new AbortController()) }, () => undefined),
    'signal is an AbortSignal (controller.signal), not AbortController',
  ],
  'a controller as the signal of a loop': [
    () => device.faults({ signal: any(new AbortController()) }),
    'signal is an AbortSignal (controller.signal), not AbortController',
  ],
  'a text as the deadline': [
    () => mirror.map(range, { ...read, deadlineMs: any('5') }, () => undefined),
    "deadlineMs is a number of milliseconds, not '5'",
  ],
  'a sleep for ever': [
    () => device.clock.sleep(Infinity),
    'Infinity is not a number of milliseconds',
  ],
  'a text as a page index': [
    () => mirror.map(range, read, (mapping) => mapping.dmaAddress(any('1'))),
    `page index '1' is outside ${range.toString()}`,
  ],
  'half a page': [
    () => mirror.map(range, read, (mapping) => mapping.dmaPage(0.5)),
    `page index 0.5 is outside ${range.toString()}`,
  ],
  'half a page in perPage': [
    () => mirror.fault(range, { perPage: new Map([[0.5, 'read']]) }),
    `perPage index 0.5 is outside ${range.toString()}`,
  ],
  'an array as an offset': [
    () => range.at(any(large)),
    `offset Array is outside ${range.toString()}`,
  ],
  'an array as pages': [
    () => range.slice(any(large), any(large)),
    `pages Array..+Array are outside ${range.toString()}`,
  ],
  'an event in place of its range': [
    () => range.overlaps(any({ range })),
    'Object is not a VirtualRange',
  ],
  'a number as the start of a range': [
    () => VirtualRange.of(any(4096), 1),
    'start is not a VirtualAddress but 4096',
  ],
  'a number in place of an address': [
    () => range.pageIndex(any(4096)),
    'address is not a VirtualAddress but 4096',
  ],
  'process and range swapped': [
    () => device.mirror(any(range), any(space), { invalidate() {} }),
    'space is not an AddressSpace but VirtualRange',
  ],
  'no mirror': [
    () => device.memory.migrate(any(range), any({ to: 'device' }), any(undefined)),
    'mirror is not a Mirror but VirtualRange',
  ],
  'one page to decline': [
    () => device.memory.migrate(mirror, range, { to: 'device', decline: any(3) }),
    'decline is an array of page indexes, not 3',
  ],
  'a name as options': [
    () => backend.createAddressSpace(any('x')),
    "backend.createAddressSpace: the options are an object, not 'x'",
  ],
  'an array as a name': [() => space.fork({ name: any(large) }), 'name is a text, not Array'],
  'no device': [() => backend.openDevice(any(undefined)), 'name is a text, not undefined'],
  'a module as the backend': [
    () => openBackend({ backend: any({ createBackend }) }),
    'openBackend: backend is a name, a createBackend, or what that made, not Object',
  ],
  'null as the backend': [
    () => openBackend({ backend: any(null) }),
    'openBackend: backend is a name, a createBackend, or what that made, not null',
  ],
}

describe('a mistake is told by name', () => {
  it.each(Object.entries(MISTAKES))('%s', async (_, [call, message]) => {
    await expect((async () => call())()).rejects.toSatisfy(
      (error: Error) =>
        (error instanceof TypeError || error instanceof RangeError) &&
        error.message.startsWith(message),
      message,
    )
  })
})

it('Infinity is no deadline', async () => {
  const late = { deadlineMs: Infinity }
  const completion = device.sync.completion('done')
  const waiting = completion.wait(late)
  await device.clock.sleep(1000)
  completion.complete()
  await waiting
  expect(await mirror.map(range, { ...read, ...late }, () => 'mapped')).toBe('mapped')
  expect(await space.read(range.start, 1, late)).toEqual(Uint8Array.of(0))
})
