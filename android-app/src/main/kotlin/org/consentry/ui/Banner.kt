package org.consentry.ui

import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.engine.Protection

/** What a screen says above its list when the choices on it do not apply as they stand. */
enum class Banner(val text: Int, val action: Int? = null) {
    OFF(R.string.banner_off),
    NEEDS_PERMISSION(R.string.banner_off, R.string.ask_again),
    OTHER_VPN(R.string.banner_other_vpn),
    ;

    companion object {
        fun of(state: EngineState): Banner? = when (state.protection) {
            Protection.Off, is Protection.Paused -> OFF
            Protection.NeedsPermission -> NEEDS_PERMISSION
            Protection.AnotherVpn, Protection.LockedByAnotherVpn -> OTHER_VPN
            else -> null
        }
    }
}
