import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Where a mapping of a mirrored range could not be revoked, or would be a copy, it is refused with the
reason; watching and faulting the range work all the same, and so do buffers of the driver.`

export const group = caseGroup('dma/mirror-refused', ['mirror', '!dma.mirror'], {
  'map-is-refused': async (t) => {
    const range = await t.mmap(1)
    await t.fill(range, 3)
    const watch = await t.watch(range)
    const error = await rejects('EOPNOTSUPP', watch.map('read'))
    const capability = t.device.capabilities.get('dma.mirror')
    const reason = capability.supported ? '' : capability.reason
    ok(reason !== '' && error.message.includes(reason), 'the error has the reason')
    equal(await t.contents(range), [3], 'what the process has')
  },

  'events-come': async (t) => {
    const range = await t.mmap(1)
    await t.fill(range, 3)
    const watch = await t.watch(range)
    await t.space.munmap(range)
    equal((await watch.seen()).length > 0, true, 'an event came')
  },

  'exclusive-is-refused': needing(['!exclusive'], async (t) => {
    const range = await t.mmap(1)
    await t.fill(range, 3)
    const { mirror } = await t.watch(range)
    await rejects('EOPNOTSUPP', async () => mirror.exclusive(range, {}, () => undefined))
  }),
})
