// Whether somebody is writing to a person who has no conversation on the screen.
import { create } from 'zustand'

export const useNewMessage = create<{ open: boolean }>(() => ({ open: false }))
