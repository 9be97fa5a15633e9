// A channel's sign; its word is always near, or in the label.
import { FileText, MessageSquare, Phone } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Channel } from '@/api/model'

const icons = { voice: Phone, sms: MessageSquare, form: FileText }

export function ChannelIcon({ channel, className, silent }: { channel: Channel; className?: string; silent?: boolean }) {
  const { t } = useTranslation()
  const Icon = icons[channel] ?? MessageSquare
  return silent ? <Icon className={className} aria-hidden /> : <Icon className={className} role="img" aria-label={t(`channel.${channel}`)} />
}
