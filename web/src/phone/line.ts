// The staff's browser phone: the call that this tab makes, as state for the page.
import { create } from 'zustand'
import { api, body } from '@/api/client'
import { Caller, type Change, idle, type Levels } from './caller'

export const usePhone = create<Change>(() => idle)

const meters = new Set<(now: Levels) => void>()

export function onPhoneLevels(meter: (now: Levels) => void): () => void {
  meters.add(meter)
  return () => meters.delete(meter)
}

const caller = new Caller({
  begin: () => body(api.POST('/api/v1/phone-calls', { body: {} })),
  change: (change) => usePhone.setState(change),
  levels: (levels) => {
    for (const show of meters) show(levels)
  },
})

export const call = () => caller.call()
export const hangUp = () => caller.hangUp()
export const setMuted = (muted: boolean) => caller.mute(muted)
export const pressKey = (digit: string) => caller.pressKey(digit)
