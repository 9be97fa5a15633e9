// Things that went wrong and that no place on the screen shows by itself. What went right is never announced.
import { create } from 'zustand'

export const useComplaints = create<{ items: { id: number; error: unknown }[] }>(() => ({ items: [] }))

let last = 0

export function complain(error: unknown) {
  const id = ++last
  useComplaints.setState(({ items }) => ({ items: [...items, { id, error }].slice(-3) }))
  setTimeout(() => dismiss(id), 12_000)
}

export function dismiss(id: number) {
  useComplaints.setState(({ items }) => ({ items: items.filter((item) => item.id !== id) }))
}
