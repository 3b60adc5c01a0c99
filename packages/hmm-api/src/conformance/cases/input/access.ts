import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import { virtualAddress } from '../../../address/address.js'

export const description = `
CPU accesses by rights and bounds: what would be SIGSEGV or SIGBUS is EFAULT and leaves the process alive;
what the area allows works. Words of atomics are aligned.`

export const group = caseGroup('input/access', [], {
  'read-write': async (t) => {
    const range = await t.mmap(2)
    await t.space.write(range.at(t.pageSize - 1), Uint8Array.of(1, 2))
    equal(await t.space.read(range.at(t.pageSize - 2), 4), [0, 1, 2, 0])
  },

  'beyond-a-mapping': async (t) => {
    const range = await t.mmap(2)
    await t.space.munmap(range.page(1))
    await rejects('EFAULT', t.space.read(range.at(t.pageSize - 2), 4), 'reading')
    equal((await t.space.read(range.at(t.pageSize - 2), 2)).length, 2, 'up to its end')
  },

  'write-to-read-only': async (t) => {
    const range = await t.mmap(1, { protection: 'r' })
    await rejects('EFAULT', t.poke(range, 0, 1))
    equal(await t.peek(range, 0), 0, 'the process goes on')
  },

  'read-of-none': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range, 'none')
    await rejects('EFAULT', t.peek(range, 0))
    await t.space.mprotect(range, 'r')
    equal(await t.peek(range, 0), 1)
  },

  'high-addresses': async (t) => {
    const last = virtualAddress((1n << 64n) - 1n)
    await rejects('EFAULT', t.space.read(last, 1), 'the last byte')
    await rejects(RangeError, () => t.space.read(last, 2), 'wrapping around')
  },

  'no-bytes': async (t) => {
    const range = await t.mmap(1)
    await rejects(TypeError, () => t.space.read(range.start, 0), 'reading')
    await rejects(TypeError, () => t.space.write(range.start, new Uint8Array()), 'writing')
  },

  'fetch-add': needing(['space.atomics'], async (t) => {
    const range = await t.mmap(1)
    equal(await t.space.fetchAdd(range.start, 5), 0, 'the first value')
    equal(await t.space.fetchAdd(range.start, -6), 5, 'the second value')
    equal(await t.space.fetchAdd(range.start, 1), 2 ** 32 - 1, 'the third value, unsigned')
    equal(await t.space.fetchAdd(range.start, 0), 0, 'wrapped around')
  }),

  'compare-exchange': needing(['space.atomics'], async (t) => {
    const range = await t.mmap(1)
    equal(await t.space.compareExchange(range.start, 0, 7), 0, 'what matches')
    equal(await t.space.compareExchange(range.start, 0, 9), 7, 'what does not match')
    equal(await t.space.fetchAdd(range.start, 0), 7, 'the value')
  }),

  'misaligned-word': needing(['space.atomics'], async (t) => {
    const range = await t.mmap(1)
    await rejects(RangeError, () => t.space.fetchAdd(range.at(2), 1))
    await t.space.fetchAdd(range.at(4), 1)
  }),

  'bad-arguments': async (t) => {
    const range = await t.mmap(1)
    await rejects(TypeError, () => t.mmap(1, { protection: 'wr' as 'rw' }), 'protection')
    await rejects(TypeError, () => t.space.mprotect(range, 'all' as 'rw'), 'mprotect')
    await rejects(TypeError, () => t.space.madvise(range, 'please' as 'cold'), 'advice')
    await rejects(TypeError, () => t.space.exit(256), 'an exit status')
    await rejects(TypeError, () => t.space.read(4096 as never, 1), 'a number as an address')
  },

  'bad-map-arguments': needing(['mirror', 'dma.mirror'], async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    const map = (options: object) => () =>
      mirror.map<void>(range, options as { access: 'read' }, () => undefined)
    await rejects(TypeError, map({}), 'no access')
    await rejects(TypeError, map({ access: 'execute' }), 'an unknown access')
    await rejects(TypeError, map({ access: 'read', deadlineMs: -1 }), 'a negative deadline')
    await rejects(TypeError, () => mirror.fault(range, { request: 'all' as 'read' }), 'a request')
    await map({ access: 'read' })()
  }),

  'mirror-without-a-callback': needing(['mirror'], async (t) => {
    const range = await t.mmap(1)
    await rejects(TypeError, () => t.device.mirror(t.space, range, {} as never))
  }),

  'unknown-device': async (t) => {
    const error = await rejects('ENODEV', t.backend.openDevice('no-such-device'))
    ok(error.hint?.includes('demo') ?? false, 'the error names the devices that there are')
  },

  'errors-name-the-operation': async (t) => {
    const range = await t.mmap(1)
    await t.space.munmap(range)
    const error = await rejects('ENOMEM', t.space.mprotect(range, 'r'))
    equal(error.op, 'space.mprotect', 'the operation')
    equal(error.backend, t.backend.name, 'the backend')
    ok(error.range?.equals(range) ?? false, 'the error has the range')
  },
})
