"""The Machine Vision companion model of OPC UA (OPC 40100-1): its state machine, and the address space that shows it."""
