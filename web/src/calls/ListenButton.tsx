// One click listens, the next stops.
import { Headphones, Square } from 'lucide-react'
import { useTranslation } from '@/i18n'
import { Button } from '@/ui/Button'
import { listen, stopListening, useListening } from './listening'

export function ListenButton({ callId, size }: { callId: string; size?: 'md' | 'lg' }) {
  const { t } = useTranslation()
  const mine = useListening((state) => state.callId === callId && (state.state === 'on' || state.state === 'starting'))
  return (
    <Button
      size={size}
      kind={mine ? 'primary' : 'secondary'}
      aria-pressed={mine}
      icon={mine ? <Square className="size-3.5 fill-current" /> : <Headphones className="size-4" />}
      onClick={() => (mine ? stopListening() : void listen(callId))}
    >
      {mine ? t('listen.stop') : t('listen.listen')}
    </Button>
  )
}
