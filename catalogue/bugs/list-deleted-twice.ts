import type { Mutex } from '@hmm-sdk/hmm-api'
import { defineBug } from '../parts/bug.js'
import { withScene } from '../parts/scene.js'

interface Memory {
  /** What has to be resident before a job runs. */
  readonly validateList: Set<string>
  /** Reserves the buffer; false if a signal interrupted it. */
  reserve(): Promise<boolean>
}
/** Frees a buffer; false if that has to be tried again. */
type Variant = (memory: Memory) => Promise<boolean>

const faulty: Variant = async ({ validateList, reserve }) => {
  deleteFrom(validateList)
  if (!(await reserve())) return false
  return true
}

const fixed: Variant = async ({ validateList, reserve }) => {
  if (!(await reserve())) return false
  deleteFrom(validateList)
  return true
}

/** `list_del`: deleting what is on no list corrupts another. */
function deleteFrom(list: Set<string>): void {
  if (!list.delete('buffer')) throw new Error('list corruption: deleted twice')
}

export default defineBug<Variant>({
  id: 'list-deleted-twice',
  about:
    'Freeing a buffer takes it off a list and is then interrupted by a signal. The end of the ' +
    'process frees it again, and takes it off the list a second time.',
  upstream: { subject: 'drm/amdgpu: Fix double deletion of validate_list', commit: '6ba60345f45e' },
  level: 'sync',
  mirror: {
    answer: 'found by exploration',
    because: 'close() is idempotent and shared by all who call it; lists of a driver are its own',
    evidence: ['run', 'case:lifecycle/close/mirror-twice'],
  },
  faulty,
  fixed,
  scenario: (world, variant) =>
    withScene(world, async ({ device }) => {
      const lock: Mutex = device.sync.mutex('reservation')
      let isInterrupted = false
      const reserve = (): Promise<boolean> => lock.run(() => !isInterrupted)
      const memory: Memory = { validateList: new Set(['buffer']), reserve }
      await world.race({
        ioctl: async () => {
          if (await variant(memory)) return
          isInterrupted = false
          await variant(memory)
        },
        signal: () => lock.run(() => void (isInterrupted = true)),
      })
    }),
})
