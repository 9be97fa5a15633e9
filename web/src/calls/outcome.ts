// How a call came out, in words.
import { t as now, type Translate } from '@/i18n'
import type { Call } from '@/api/model'

/** "Answered by the agent", "Not taken: all lines were busy" … */
export function outcomeWords(call: Call, t: Translate): string {
  if (call.state === 'ringing') return t('call.ringing')
  if (call.state === 'live') return t('call.live')
  if (call.state === 'not_taken') return t('call.not_taken', { why: reasonWords(call.outcome) })
  return call.agent === 'receptionist' ? t('call.by_receptionist') : t('call.by_agent')
}

/** Why it ended or was not taken. A word this version does not know is shown as it came. */
export function reasonWords(outcome: string | null): string {
  if (!outcome) return ''
  return now(`outcome.${outcome as 'silence'}`, { defaultValue: outcome.replaceAll('_', ' ') })
}

export function callerName(call: Call): { name: string | null; address: string } {
  return { name: call.contact?.name ?? null, address: call.from_address }
}
