package org.consentry.ui

import org.consentry.R
import org.consentry.engine.Service
import org.consentry.health.Phone

/** A page of the introduction. */
sealed interface IntroPage {
    /** What Consentry does. */
    data object Welcome : IntroPage

    /** What stops today, and how the owner wants to begin. */
    data object Changes : IntroPage

    /** One group of services, each with a switch; only for those who go through the groups. */
    data class Group(val purpose: Purpose) : IntroPage

    /** Why Android asks about a VPN. */
    data object Vpn : IntroPage

    /** What keeps the phone from stopping Consentry. */
    data object Awake : IntroPage

    companion object {
        /** All pages in their order. [services] are asked for only where the owner goes through the [groups]. */
        fun all(groups: Boolean, services: List<Service>): List<IntroPage> =
            listOf(Welcome, Changes) + (if (groups) groupsOf(services) else emptyList()) + listOf(Vpn, Awake)

        private fun groupsOf(services: List<Service>): List<Group> {
            val present = services.filter { !it.isEssential }.map { Purpose.of(it.category) }.toSet()
            return Purpose.entries.filter { it in present }.map(::Group)
        }

        /** The services that bring prompt notifications to this phone: Google's, and its maker's if there is one. */
        fun pushServices(services: List<Service>, phone: Phone): List<Service> {
            val ofGoogle = services.find { it.id == FIREBASE }
            val ofMaker = services.find { service ->
                service.category == "push" && service.vendor.split(",").any { it.trim().equals(phone.vendor, ignoreCase = true) }
            }
            return listOfNotNull(ofGoogle, ofMaker.takeIf { it != ofGoogle })
        }

        /** What a service needs beside itself for new sign-ups. */
        fun neededBy(service: Service, services: List<Service>): Service? =
            services.find { it.id == FIREBASE_INSTALLATIONS }.takeIf { service.id == FIREBASE }

        private const val FIREBASE = "google.fcm"
        private const val FIREBASE_INSTALLATIONS = "google.installations"
    }
}

/** A point that a page of the introduction makes. [isGood]: its circle is green; otherwise it stands out, or not at all. */
class IntroPoint(val icon: Int, val title: Int, val text: Int, val isGood: Boolean, val isAdvice: Boolean = false) {
    companion object {
        /** What Consentry does. */
        val WELCOME = listOf(
            IntroPoint(R.drawable.ic_check, R.string.intro_decide, R.string.intro_decide_text, isGood = true),
            IntroPoint(R.drawable.ic_log, R.string.intro_see, R.string.intro_see_text, isGood = true),
            IntroPoint(R.drawable.ic_phone, R.string.intro_stays, R.string.intro_stays_text, isGood = true),
        )

        /** Why a VPN. */
        val VPN = listOf(
            IntroPoint(R.drawable.ic_phone, R.string.vpn_inside, R.string.vpn_inside_text, isGood = true),
            IntroPoint(R.drawable.ic_key, R.string.vpn_key, R.string.vpn_key_text, isGood = false),
            IntroPoint(R.drawable.ic_info, R.string.vpn_one, R.string.vpn_one_text, isGood = false),
            IntroPoint(R.drawable.ic_help, R.string.vpn_blind, R.string.vpn_blind_text, isGood = false),
        )

        /** What stops today. */
        fun changes(phone: Phone) = listOf(
            IntroPoint(R.drawable.ic_bell, R.string.changes_push, R.string.changes_push_text, isGood = false, isAdvice = true),
            IntroPoint(
                R.drawable.ic_cloud,
                if (phone.isXiaomi) R.string.changes_cloud else R.string.changes_cloud_other,
                R.string.changes_cloud_text,
                isGood = false,
                isAdvice = true,
            ),
            IntroPoint(R.drawable.ic_megaphone, R.string.changes_ads, R.string.changes_ads_text, isGood = true),
        )
    }
}
