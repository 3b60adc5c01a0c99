import flushOfOwnWork from './bugs/flush-of-own-work.js'
import lostFromPinList from './bugs/lost-from-pin-list.js'
import fencePutBeforeWait from './bugs/fence-put-before-wait.js'
import tableLeakedOnMapFailure from './bugs/table-leaked-on-map-failure.js'
import processCreatedTooEarly from './bugs/process-created-too-early.js'
import listDeletedTwice from './bugs/list-deleted-twice.js'
import type { AnyBug } from './parts/bug.js'
import arraysLeakedOnFailure from './bugs/arrays-leaked-on-failure.js'
import atomicNotReset from './bugs/atomic-not-reset.js'
import childInsertedTwice from './bugs/child-inserted-twice.js'
import countNotReset from './bugs/count-not-reset.js'
import destroyQueuedTwice from './bugs/destroy-queued-twice.js'
import devicePagesAfterClose from './bugs/device-pages-after-close.js'
import dirtyUnderNotifierLock from './bugs/dirty-under-notifier-lock.js'
import doubleMigration from './bugs/double-migration.js'
import doubleUnpin from './bugs/double-unpin.js'
import faultBeyondUmem from './bugs/fault-beyond-umem.js'
import faultWorkerAfterFree from './bugs/fault-worker-after-free.js'
import finalPutInCallback from './bugs/final-put-in-callback.js'
import finalPutUnderLock from './bugs/final-put-under-lock.js'
import freeBeforeUnmap from './bugs/free-before-unmap.js'
import leakedPrefetch from './bugs/leaked-prefetch.js'
import leakedTgid from './bugs/leaked-tgid.js'
import lostCollision from './bugs/lost-collision.js'
import missingUnlockAfterRace from './bugs/missing-unlock-after-race.js'
import orderBeyondRange from './bugs/order-beyond-range.js'
import pageCountOfIndirectKey from './bugs/page-count-of-indirect-key.js'
import partlyPinnedMemory from './bugs/partly-pinned-memory.js'
import referenceOfLostExchange from './bugs/reference-of-lost-exchange.js'
import releaseMissesChild from './bugs/release-misses-child.js'
import removeOfMissingNotifier from './bugs/remove-of-missing-notifier.js'
import reregInPlace from './bugs/rereg-in-place.js'
import staleRequestMask from './bugs/stale-request-mask.js'
import structPageWithoutLock from './bugs/struct-page-without-lock.js'
import translationsOutliveCallback from './bugs/translations-outlive-callback.js'
import uncopiedPage from './bugs/uncopied-page.js'
import unlinkAfterFree from './bugs/unlink-after-free.js'
import unmapOfNeverMapped from './bugs/unmap-of-never-mapped.js'
import workWithoutMmget from './bugs/work-without-mmget.js'
import writeThroughReadOnly from './bugs/write-through-read-only.js'
import zapOfDestroyedKey from './bugs/zap-of-destroyed-key.js'

/** All bugs of the catalogue, in the order of the table. */
export const BUGS: readonly AnyBug[] = [
  lostCollision,
  structPageWithoutLock,
  dirtyUnderNotifierLock,
  translationsOutliveCallback,
  lostFromPinList,
  orderBeyondRange,
  staleRequestMask,
  finalPutInCallback,
  flushOfOwnWork,
  workWithoutMmget,
  finalPutUnderLock,
  zapOfDestroyedKey,
  destroyQueuedTwice,
  referenceOfLostExchange,
  childInsertedTwice,
  releaseMissesChild,
  faultBeyondUmem,
  pageCountOfIndirectKey,
  writeThroughReadOnly,
  reregInPlace,
  leakedTgid,
  leakedPrefetch,
  uncopiedPage,
  devicePagesAfterClose,
  missingUnlockAfterRace,
  faultWorkerAfterFree,
  processCreatedTooEarly,
  fencePutBeforeWait,
  freeBeforeUnmap,
  unlinkAfterFree,
  doubleMigration,
  listDeletedTwice,
  countNotReset,
  partlyPinnedMemory,
  doubleUnpin,
  tableLeakedOnMapFailure,
  atomicNotReset,
  unmapOfNeverMapped,
  arraysLeakedOnFailure,
  removeOfMissingNotifier,
]
