package org.consentry.ui

import java.util.Locale
import org.consentry.engine.ConsentState
import org.consentry.engine.Service

/** Which services are listed. */
enum class ServiceFilter {
    ALL, NEW, TRIED, ALLOWED, KEPT_BLOCKED;

    /**
     * Whether a service is one of them; what the phone needs counts among all, new and tried only.
     *
     * @param new the ids of the services that are new in the catalogue
     */
    fun takes(service: Service, new: Set<String>): Boolean = when (this) {
        ALL -> true
        NEW -> service.id in new
        TRIED -> service.wasTried
        ALLOWED -> !service.isEssential && service.isAllowed
        KEPT_BLOCKED -> service.consent == ConsentState.Off && (service.keptBlocked || service.isEssential)
    }
}

/** By what the list is divided. */
enum class ServiceOrder { MAKER, PURPOSE }

/**
 * A section of the list of services.
 *
 * @property key stays the same while the screen lives
 * @property on how many of [total] may be used; the counts are those of the whole section, whatever is filtered
 * @property services those that the filter takes; shown unless the section is folded
 */
data class ServiceSection(
    val key: String,
    val kind: Kind,
    val on: Int,
    val total: Int,
    val services: List<Service>,
    val isFolded: Boolean,
) {
    /** What a section is of. */
    sealed interface Kind {
        /** What the phone needs. */
        data object Needed : Kind

        /** Of one maker. */
        data class Maker(val name: String, val isThisPhone: Boolean, val wasSeen: Boolean) : Kind

        /** For one purpose. */
        data class For(val purpose: Purpose, val wasSeen: Boolean) : Kind
    }
}

/**
 * Divides the services into sections: what the phone needs, this phone's maker, makers with attempts, the rest.
 *
 * @property query what was searched for; empty for nothing
 * @property phoneMaker the maker of this phone, as Android names it
 * @property new the ids of the services that are new in the catalogue
 * @property folds which sections the owner has folded (true) or unfolded (false)
 */
data class ServiceSections(
    val order: ServiceOrder = ServiceOrder.MAKER,
    val filter: ServiceFilter = ServiceFilter.ALL,
    val query: String = "",
    val phoneMaker: String = "",
    val folds: Map<String, Boolean> = emptyMap(),
    val new: Set<String> = emptySet(),
) {
    /** The sections that have something to show. */
    fun of(services: List<Service>): List<ServiceSection> =
        services.groupBy(::key).map { (key, all) -> section(key, all) }
            .filter { it.services.isNotEmpty() }
            .sortedWith(compareBy({ place(it) }, { -latest(it) }, { name(it) }))

    private fun key(service: Service): String = when {
        service.isEssential -> NEEDED
        order == ServiceOrder.MAKER -> service.vendor
        else -> Purpose.of(service.category).name
    }

    private fun section(key: String, all: List<Service>): ServiceSection {
        val wasSeen = all.any { it.wasTried || it.isAllowed }
        val kind = when {
            key == NEEDED -> ServiceSection.Kind.Needed
            order == ServiceOrder.MAKER -> ServiceSection.Kind.Maker(key, isThisPhone(key), wasSeen)
            else -> ServiceSection.Kind.For(Purpose.valueOf(key), wasSeen)
        }
        val isNeeded = kind == ServiceSection.Kind.Needed
        val isWorthASight = wasSeen || isNeeded || (kind is ServiceSection.Kind.Maker && kind.isThisPhone)
        val isNarrowed = filter != ServiceFilter.ALL || query.isNotBlank()
        return ServiceSection(
            key,
            kind,
            on = all.count { it.isAllowed },
            total = all.size,
            services = all.filter { filter.takes(it, new) && match(it) != Match.NO }.sortedWith(rows),
            // What was searched for is shown, and stays so whatever was folded before.
            isFolded = if (isNarrowed) false else folds[key] ?: !isWorthASight,
        )
    }

    /** How a service fits what was searched for. */
    sealed interface Match {
        data object NO : Match

        data object YES : Match

        /** By one of its servers, which is shown. */
        data class ByHost(val host: String) : Match
    }

    /** Whether a service fits what was searched for. */
    fun match(service: Service): Match {
        val sought = query.trim().lowercase(Locale.ROOT)
        if (sought.isEmpty()) return Match.YES
        val words = listOf(service.name, service.shortName, service.vendor, service.category.replace('_', ' '), service.id)
        if (words.any { sought in it.lowercase(Locale.ROOT) }) return Match.YES
        (service.hosts + service.addresses).find { sought in it.lowercase(Locale.ROOT) }?.let { return Match.ByHost(it) }
        // `www.example.org` belongs to the pattern `example.org`.
        service.hosts.find { sought.endsWith("." + it.removePrefix("*.").lowercase(Locale.ROOT)) }
            ?.let { return Match.ByHost(it) }
        if (service.packages.any { sought in it.lowercase(Locale.ROOT) }) return Match.YES
        return Match.NO
    }

    private fun isThisPhone(maker: String): Boolean {
        val phone = phoneMaker.lowercase(Locale.ROOT)
        // One entry may name several makers: "OPPO, realme, OnePlus".
        return phone.isNotEmpty() && maker.lowercase(Locale.ROOT).split(",").any { it.trim() == phone }
    }

    private fun place(section: ServiceSection): Int = when (val kind = section.kind) {
        ServiceSection.Kind.Needed -> 0
        is ServiceSection.Kind.Maker -> if (kind.isThisPhone) 1 else if (kind.wasSeen) 2 else 3
        is ServiceSection.Kind.For -> if (kind.wasSeen) 2 else 3
    }

    private fun latest(section: ServiceSection): Long =
        if (place(section) == 2) section.services.maxOf { it.lastMs ?: 0 } else 0

    private fun name(section: ServiceSection): String = section.key.lowercase(Locale.ROOT)

    companion object {
        /** The key of what the phone needs. */
        const val NEEDED = "needed"

        /** Allowed, then tried (the latest first), then the rest from A to Z. */
        private val rows: Comparator<Service> =
            compareBy({ if (it.isAllowed) 0 else if (it.wasTried) 1 else 2 }, { if (it.isAllowed) 0 else -(it.lastMs ?: 0) }, {
                it.name.lowercase(Locale.ROOT)
            })
    }
}
