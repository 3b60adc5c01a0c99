import type { BrokenBackend } from './broken-backend.js'
import { boundaryIgnored } from './boundary-ignored.js'
import { breakpointsStay } from './breakpoints-stay.js'
import { closeLeavesMappings } from './close-leaves-mappings.js'
import { coherentMemoryFaults } from './coherent-memory-faults.js'
import { coherentNotZeroed } from './coherent-not-zeroed.js'
import { coherentPagesHidden } from './coherent-pages-hidden.js'
import { coherentPagesPinned } from './coherent-pages-pinned.js'
import { concurrentTouchesFail } from './concurrent-touches-fail.js'
import { countersStandStill } from './counters-stand-still.js'
import { declinedPagesMove } from './declined-pages-move.js'
import { eventTooNarrow } from './event-too-narrow.js'
import { eventsAfterClose } from './events-after-close.js'
import { evictDoesNothing } from './evict-does-nothing.js'
import { faultsStarve } from './faults-starve.js'
import { foreignPagesUsable } from './foreign-pages-usable.js'
import { hugePageAdviceIgnored } from './huge-page-advice-ignored.js'
import { hugePagesTorn } from './huge-pages-torn.js'
import { ioIsMemory } from './io-is-memory.js'
import { killDoesNothing } from './kill-does-nothing.js'
import { leakOnPartialFailure } from './leak-on-partial-failure.js'
import { leaksAtClose } from './leaks-at-close.js'
import { listStaysMapped } from './list-stays-mapped.js'
import { lockedPagesGo } from './locked-pages-go.js'
import { lostEvents } from './lost-events.js'
import { mapTakesGrantsBack } from './map-takes-grants-back.js'
import { maskIgnored } from './mask-ignored.js'
import { maskSetWhileInUse } from './mask-set-while-in-use.js'
import { mergedPagesStayMapped } from './merged-pages-stay-mapped.js'
import { migrateDoesNothing } from './migrate-does-nothing.js'
import { missingMprotectEvent } from './missing-mprotect-event.js'
import { neverReleased } from './never-released.js'
import { movesOverwrite } from './moves-overwrite.js'
import { noPageInError } from './no-page-in-error.js'
import { noRetryCheck } from './no-retry-check.js'
import { noSecondPass } from './no-second-pass.js'
import { noUndo } from './no-undo.js'
import { flowForgotten } from './flow-forgotten.js'
import { presentOnlyFaults } from './present-only-faults.js'
import { readMapsWritable } from './read-maps-writable.js'
import { reaperWaits } from './reaper-waits.js'
import { retryForEver } from './retry-for-ever.js'
import { everythingIsDirty } from './everything-is-dirty.js'
import { hugePagesInParts } from './huge-pages-in-parts.js'
import { ordersLost } from './orders-lost.js'
import { ownEventsUnseen } from './own-events-unseen.js'
import { servedTwice } from './served-twice.js'
import { shortPinsAreLong } from './short-pins-are-long.js'
import { scanDoesNothing } from './scan-does-nothing.js'
import { scanProtectsNothing } from './scan-protects-nothing.js'
import { segmentsOutOfOrder } from './segments-out-of-order.js'
import { segmentsTooLong } from './segments-too-long.js'
import { snapshotFaults } from './snapshot-faults.js'
import { stackStays } from './stack-stays.js'
import { staleAfterMunmap } from './stale-after-munmap.js'
import { startWithoutEnd } from './start-without-end.js'
import { toDeviceIsWritable } from './to-device-is-writable.js'
import { undoTooMuch } from './undo-too-much.js'
import { unlinkOfUnlinkedSucceeds } from './unlink-of-unlinked-succeeds.js'
import { unmapDoesNothing } from './unmap-does-nothing.js'
import { mprotectDoesNothing } from './mprotect-does-nothing.js'
import { windowSyncOfNothing } from './window-sync-of-nothing.js'
import { writtenBackUnheard } from './written-back-unheard.js'
import { wrongErrno } from './wrong-errno.js'
import { wrongEventKind } from './wrong-event-kind.js'
import { zeroPageWritable } from './zero-page-writable.js'

/**
 * Backends with one fault each. The suite is right only if every one of them fails a named case; run
 * them around any backend that passes.
 */
export const BROKEN_BACKENDS: readonly BrokenBackend[] = [
  noRetryCheck,
  missingMprotectEvent,
  leakOnPartialFailure,
  wrongErrno,
  staleAfterMunmap,
  closeLeavesMappings,
  coherentNotZeroed,
  concurrentTouchesFail,
  countersStandStill,
  declinedPagesMove,
  eventTooNarrow,
  eventsAfterClose,
  evictDoesNothing,
  faultsStarve,
  foreignPagesUsable,
  hugePagesTorn,
  killDoesNothing,
  leaksAtClose,
  lostEvents,
  mapTakesGrantsBack,
  maskIgnored,
  maskSetWhileInUse,
  migrateDoesNothing,
  neverReleased,
  noPageInError,
  noSecondPass,
  noUndo,
  flowForgotten,
  presentOnlyFaults,
  readMapsWritable,
  retryForEver,
  snapshotFaults,
  startWithoutEnd,
  toDeviceIsWritable,
  undoTooMuch,
  unlinkOfUnlinkedSucceeds,
  unmapDoesNothing,
  mprotectDoesNothing,
  wrongEventKind,
  zeroPageWritable,
  ordersLost,
  ownEventsUnseen,
  hugePagesInParts,
  servedTwice,
  everythingIsDirty,
  segmentsTooLong,
  segmentsOutOfOrder,
  boundaryIgnored,
  listStaysMapped,
  windowSyncOfNothing,
  coherentMemoryFaults,
  coherentPagesPinned,
  coherentPagesHidden,
  hugePageAdviceIgnored,
  ioIsMemory,
  shortPinsAreLong,
  mergedPagesStayMapped,
  scanDoesNothing,
  reaperWaits,
  writtenBackUnheard,
  movesOverwrite,
  lockedPagesGo,
  stackStays,
  scanProtectsNothing,
  breakpointsStay,
]
