import { equal, ok, rejects, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import { HmmError } from '../../../error/hmm-error.js'

export const description = `
What is missing is a capability with a reason, the same before and after use; calling it fails with
EOPNOTSUPP and that reason. The cases named "without" run where the capability is missing; that it works
where it is there is what the other groups show.`

export const group = caseGroup('capability', [], {
  'reasons-are-given': async (t) => {
    for (const owner of [t.backend, t.space, t.device]) {
      for (const [name, capability] of Object.entries(owner.capabilities.toJSON())) {
        if (!capability.supported) ok(capability.reason.length > 5, `${name} has a reason`)
      }
    }
  },

  'same-before-and-after': needing(['device.shared'], async (t) => {
    const device = await t.openDevice()
    const before = JSON.stringify(device.capabilities)
    await device.close()
    equal(JSON.stringify(device.capabilities), before)
  }),

  'require-says-why': async (t) => {
    const missing = Object.entries(t.device.capabilities.toJSON()).find(([, c]) => !c.supported)
    if (missing === undefined) return
    const [name, capability] = missing
    const error = throws('EOPNOTSUPP', () => t.device.capabilities.require(name as 'mirror'))
    ok(
      !capability.supported && error.message.includes(capability.reason),
      'the error has the reason of the capability',
    )
  },

  'without-registers': needing(['!registers'], async (t) => {
    throws('EOPNOTSUPP', () => t.device.registers.read32(0))
  }),

  'without-interrupts': needing(['!interrupts'], async (t) => {
    throws('EOPNOTSUPP', () => t.device.interrupts.listen(() => undefined))
  }),

  'without-faults': needing(['!faults'], async (t) => {
    await rejects('EOPNOTSUPP', () => t.device.faults()[Symbol.asyncIterator]().next())
  }),

  'without-memory': needing(['!memory'], async (t) => {
    await rejects('EOPNOTSUPP', t.device.memory.evict())
    equal(t.device.memory.pages, 0)
  }),

  'without-exclusive': needing(['!exclusive', 'mirror', 'dma.mirror'], async (t) => {
    await rejects('EOPNOTSUPP', (await t.watch(await t.mmap(1))).exclusive())
  }),

  'without-dma.mirror': needing(['!dma.mirror', 'mirror'], async (t) => {
    const watch = await t.watch(await t.mmap(1))
    await rejects('EOPNOTSUPP', watch.map('read'))
    equal(await watch.fault('read'), ['read'], 'faulting all the same')
  }),

  'without-dma.window': needing(['!dma.window'], async (t) => {
    await rejects('EOPNOTSUPP', t.device.dma.openWindow({ pages: 1 }))
  }),

  'without-dma.peer': needing(['!dma.peer'], async (t) => {
    throws('EOPNOTSUPP', () => t.device.dma.map(t.device.peerMemory(0), { direction: 'to-device' }))
  }),

  'without-space.fork': needing(['!space.fork'], async (t) => {
    await rejects('EOPNOTSUPP', t.space.fork())
  }),

  'without-space.file': needing(['!space.file'], async (t) => {
    await rejects('EOPNOTSUPP', t.space.createFile({ pages: 1 }))
  }),

  'without-space.pageout': needing(['!space.pageout'], async (t) => {
    await rejects('EOPNOTSUPP', t.space.madvise(await t.mmap(1), 'pageout'))
  }),

  'without-engine.atomics': needing(['!engine.atomics', 'dma.coherent', 'engine'], async (t) => {
    const buffer = t.own(await t.device.dma.allocCoherent({ bytes: 64 }))
    await rejects('EOPNOTSUPP', t.device.engine.fetchAdd(buffer.dmaAddress, 1))
  }),

  'error-identity': async (t) => {
    const error = await rejects('ENODEV', t.backend.openDevice('no-such-device'))
    ok(HmmError.is(error, 'ENODEV'), 'it is an HmmError with that code')
    ok(!HmmError.is(error, 'EIO'), 'and with no other')
  },
})
