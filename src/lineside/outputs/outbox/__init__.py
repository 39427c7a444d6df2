"""Results on their way to sinks: on disk before anything else, so that nothing that is away or dies loses them."""
