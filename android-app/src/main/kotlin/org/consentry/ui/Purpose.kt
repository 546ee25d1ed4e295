package org.consentry.ui

import org.consentry.R

/** What a service is for: the catalogue's category as the screens show it. */
enum class Purpose(val category: String, val text: Int, val icon: Int) {
    MESSAGING("cloud_messaging", R.string.purpose_messaging, R.drawable.ic_speech),
    NOTIFICATIONS("push", R.string.purpose_notifications, R.drawable.ic_bell),
    USAGE_REPORTS("analytics", R.string.purpose_usage_reports, R.drawable.ic_chart),
    ADVERTS("ads", R.string.purpose_adverts, R.drawable.ic_megaphone),
    CLOUD_COPIES("cloud_sync", R.string.purpose_cloud_copies, R.drawable.ic_cloud),
    ACCOUNTS("account", R.string.purpose_accounts, R.drawable.ic_person),
    WIFI_CHECK("connectivity_check", R.string.purpose_wifi_check, R.drawable.ic_wifi),
    CLOCK("time", R.string.purpose_clock, R.drawable.ic_clock),
    UPDATES("update", R.string.purpose_updates, R.drawable.ic_update),
    LOOK_UP("resolver", R.string.purpose_look_up, R.drawable.ic_signpost),
    REMOTE_SETTINGS("remote_config", R.string.purpose_remote_settings, R.drawable.ic_sliders),
    LOCATION("location", R.string.purpose_location, R.drawable.ic_pin),
    SMART_HOME("smart_home", R.string.purpose_smart_home, R.drawable.ic_house),
    ASSISTANT("assistant", R.string.purpose_assistant, R.drawable.ic_microphone),
    PAYMENTS("payment", R.string.purpose_payments, R.drawable.ic_card),
    WEATHER("weather", R.string.purpose_weather, R.drawable.ic_sun),
    FEEDS("content", R.string.purpose_feeds, R.drawable.ic_page),
    SECURITY("security", R.string.purpose_security, R.drawable.ic_shield),

    /** Unlisted servers, and categories that a newer catalogue may bring. */
    OTHER("unlisted", R.string.purpose_other, R.drawable.ic_servers),
    ;

    companion object {
        fun of(category: String): Purpose = entries.find { it.category == category } ?: OTHER
    }
}
