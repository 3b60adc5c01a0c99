import { rejects } from '../../harness/check.js'
import { caseGroup, needing, type CaseWithNeeds } from '../../harness/case.js'
import type { Need } from '../../harness/need.js'
import type { Scene } from '../../harness/scene.js'
import {
  BACKEND_OPERATIONS,
  DEVICE_OPERATIONS,
  MIRROR_OPERATIONS,
  OPERATION_NEEDS,
  SPACE_OPERATIONS,
} from './operations.js'

export const description = `
Whatever is done with a closed object fails with EBADF: at once, and without reaching the backend. One
case for each operation; that each works on an open object is what all other groups show.`

type Open<T> = (t: Scene) => Promise<T>

/** One case for each operation, on an object that was closed before. */
function cases<T extends { close(): Promise<void> }>(
  kind: string,
  operations: Readonly<Record<string, (object: T, range: never) => unknown>>,
  open: Open<T>,
  needs: readonly Need[] = [],
): Record<string, CaseWithNeeds> {
  return Object.fromEntries(
    Object.entries(operations).map(([name, operate]) => [
      `${kind}.${name}`,
      needing([...needs, ...(OPERATION_NEEDS[name] ?? [])], async (t) => {
        const range = await t.mmap(1)
        const object = await open(t)
        await object.close()
        await rejects('EBADF', async () => operate(object, range as never))
      }),
    ]),
  )
}

export const group = caseGroup('lifecycle/use-after-close', [], {
  ...cases('space', SPACE_OPERATIONS, (t) => t.spawn()),
  ...cases('mirror', MIRROR_OPERATIONS, async (t) => (await t.watch(await t.mmap(1))).mirror),
  ...cases('device', DEVICE_OPERATIONS, (t) => t.openDevice(), ['device.shared']),
  ...cases('backend', BACKEND_OPERATIONS, (t) => t.openBackend()),
  'device.mirror': needing(['device.shared'], async (t) => {
    const range = await t.mmap(1)
    const device = await t.openDevice()
    await device.close()
    await rejects('EBADF', device.mirror(t.space, range, { invalidate: () => undefined }))
  }),
  'device.mirror-of-a-closed-space': async (t) => {
    const space = await t.spawn()
    const range = await space.mmap({ pages: 1 })
    await space.close()
    await rejects('EBADF', t.device.mirror(space, range, { invalidate: () => undefined }))
  },
  'mmap-of-a-closed-file': {
    needs: ['space.file'],
    run: async (t) => {
      const file = await t.space.createFile({ pages: 1 })
      await file.close()
      await rejects('EBADF', t.mmap(1, { file }))
      await rejects('EBADF', file.truncate(2))
    },
  },
})
