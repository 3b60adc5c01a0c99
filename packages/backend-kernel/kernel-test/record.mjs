// A race on the real kernel is written down, and becomes a schedule of the simulation: the calls come back in the
// same order there, its token shows it again, and what is around it is searched.
import assert from 'node:assert/strict'
import { openBackend } from '@hmm-sdk/hmm-api'
import {
  formatRecording,
  parseRecording,
  record,
  replay,
  replayRecording,
} from '@hmm-sdk/backend-sim/explore'
import { finish, skip, test } from './check.mjs'

/** A mirror is mapped while the process uses and changes its memory; `order`: who was done when. */
const scenario = (order) => async (world) => {
  const { backend, race } = world
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const buffer = await space.mmap({ pages: 4 })
  const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
  await race({
    driver: async () => {
      for (const access of ['read', 'write']) {
        await mirror.map(buffer, { access }, () => undefined)
        order.push(`driver ${access}`)
      }
    },
    process: async () => {
      for (const page of [0, 1, 2]) {
        await space.write(buffer.page(page).start, Uint8Array.of(page))
        order.push(`process ${page}`)
      }
      await space.madvise(buffer, 'dontneed')
      order.push('process dropped')
    },
  })
  await mirror.close()
  await device.close()
  await space.close()
}

let recording
const onKernel = []
await test('a race on the kernel is written down', async () => {
  const backend = await openBackend({ backend: 'kernel', config: {} })
  recording = await record(scenario(onKernel), backend, 'race')
  await backend.close()
  assert.equal(recording.error, undefined)
  assert.equal(recording.backend, 'kernel')
  assert.equal(recording.calls.length, 6)
  assert.deepEqual(backend.report(), { leaks: [], misuses: [] })
  console.log(`# ${onKernel.join(', ')}`)
  recording = parseRecording(formatRecording(recording), 'recording')
})

await test('in the simulation the calls come back in the same order', async () => {
  if (recording === undefined) skip('nothing was recorded')
  const order = []
  const once = { budget: { schedules: 1 } }
  const { followed, of, token, failure } = await replayRecording(recording, scenario(order), once)
  assert.equal(failure, undefined)
  assert.deepEqual({ followed, of }, { followed: 6, of: 6 })
  assert.deepEqual(order, onKernel)
  order.length = 0
  assert.equal(await replay(token, scenario(order)), undefined)
  assert.deepEqual(order, onKernel)
})

await test('what is around it is searched', async () => {
  if (recording === undefined) skip('nothing was recorded')
  const around = { budget: { schedules: 50 } }
  const { schedules, failure } = await replayRecording(recording, scenario([]), around)
  assert.equal(failure, undefined)
  assert.equal(schedules, 50)
})
finish()
