// A channel's sign; its word is always near, or in the label.
import { Camera, FileText, Mail, MessageCircle, MessageSquare, MessagesSquare, Phone } from 'lucide-react'
import { useTranslation } from '@/i18n'
import type { Channel } from '@/api/model'

const icons: Record<Channel, typeof Phone> = {
  voice: Phone,
  sms: MessageSquare,
  form: FileText,
  whatsapp: MessageCircle,
  instagram: Camera,
  mail: Mail,
  chat: MessagesSquare,
}

export function ChannelIcon({ channel, className, silent }: { channel: Channel; className?: string; silent?: boolean }) {
  const { t } = useTranslation()
  const Icon = icons[channel] ?? MessageSquare
  return silent ? <Icon className={className} aria-hidden /> : <Icon className={className} role="img" aria-label={t(`channel.${channel}`)} />
}
